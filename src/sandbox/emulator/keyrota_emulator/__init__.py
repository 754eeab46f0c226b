"""A local AWS for keyrota: ministack, with what Secrets Manager's rotation needs added.

The parts, one concern each:

* ``__main__``   start-up: the environment, the one listener, the parent that is watched
* ``gateway``    the entrance: foreign hosts, web pages, and unsigned requests are refused
* ``root``       root's one key, and the sessions that functions get
* ``loopback``   who is at the other end of a connection
* ``processes``  the functions' processes: what they see, and that none outlives the emulator
* ``replaced``   every name of ministack that is leaned on or replaced, checked at start-up
* ``secrets``    Secrets Manager: versions, labels and tokens as its API reference has them
* ``encryption`` the use of a customer managed KMS key for a secret's value
* ``rotation``   RotateSecret, CancelRotateSecret, and the four steps behind them
* ``schedule``   rotation rules, and when the next rotation is due
* ``keys``       IAM access keys: the quota of two, their owner, their last use
* ``tags``       tag keys that AWS alone may write
* ``authorization``  policy variables, condition keys, and that each use of a key is seen
* ``strict``     which of the ways that make AWS harder to use than a local AWS are on
* ``clock``      the time, real or virtual, by which lags end and rates are counted
* ``lag``        values that are eventually consistent
* ``propagation``  IAM's changes, which reach requests later
* ``ascii``      CloudFormation's answers that lose text
* ``stale``      stacks and tags, which are seen as they were
* ``principals``  principals in policies, which must exist
* ``throttle``   the rates of AWS
* ``changesets``  one operation on a stack at a time, and what fails before it begins
* ``delivery``   EventBridge's delivery to SNS
* ``stacks``     CloudFormation's refusals by the state of a stack, templates in S3
* ``resources``  CloudFormation resource types that ministack lacks or gets wrong

See ``README.md`` next to this package for what was found in the pinned ministack.
"""
