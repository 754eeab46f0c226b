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
* ``rotation``   RotateSecret, CancelRotateSecret, and the four steps of a rotation
* ``schedule``   rotation rules, and when the next rotation is due
* ``keys``       IAM access keys: the quota of two, their owner, their last use
* ``tags``       tag keys that only AWS may write
* ``authorization``  policy variables, condition keys, and the last use of keys
* ``stacks``     CloudFormation's refusals by stack status, and templates in S3
* ``resources``  CloudFormation resource types that ministack lacks or implements differently

``README.md`` next to this package lists the differences of the pinned ministack.
"""
