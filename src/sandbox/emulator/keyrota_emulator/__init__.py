"""A local AWS for keyrota: ministack, with the additions that secret rotation needs.

The parts, one concern each:

* ``__main__``   start-up: the environment, the only listener, the watch on the parent
* ``gateway``    admission: refuses foreign hosts, web pages, and unsigned requests
* ``root``       root's only key, and the sessions of functions
* ``loopback``   the owner of the other end of a connection
* ``processes``  the functions' processes: their environment, and their end
* ``replaced``   every name of ministack that is used or replaced, checked at start-up
* ``secrets``    Secrets Manager: versions, labels, and tokens as in its API reference
* ``encryption`` the use of a customer managed KMS key for a secret's value
* ``service_keys``  the keys with which AWS services encrypt log groups, topics, and functions
* ``replicas``   the replicas of secrets in other Regions, with their states
* ``rotation``   RotateSecret, CancelRotateSecret, and the four steps of a rotation
* ``schedule``   rotation rules, and when the next rotation is due
* ``keys``       IAM access keys: the quota of two, their owner, their last use
* ``tags``       tag keys that only AWS may write, and the form of tags
* ``authorization``  policy variables, condition keys, and the last use of keys
* ``strict``     which of AWS's delays, limits, and rates are on
* ``clock``      the time, real or virtual, in which delays end and rates are counted
* ``lag``        values that are eventually consistent
* ``propagation``  IAM's changes, which reach requests later
* ``ascii``      CloudFormation's responses, which lose non-ASCII characters
* ``stale``      stacks and tags, which are shown as they were
* ``principals``  principals in policies, which must exist
* ``throttle``   AWS's request rates
* ``changesets``  one operation on a stack at a time, and failures before it begins
* ``actual``     what the resources of a stack really are, type by type
* ``drift``      CloudFormation's drift detection
* ``reversion``  drift-aware change sets: what they compare and show
* ``revert``     the execution of drift-aware change sets
* ``gone``       updates of resources that were deleted behind CloudFormation's back
* ``delivery``   EventBridge's delivery to SNS
* ``stacks``     CloudFormation's refusals by stack status, and templates in S3
* ``handlers``   CloudFormation acts with the permissions of its caller
* ``schemas``    what the schemas of resource types say
* ``resources``  CloudFormation resource types that ministack lacks or implements differently

``README.md`` next to this package lists the differences of the pinned ministack.
"""
