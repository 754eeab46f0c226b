"""The names of ministack that this package uses or replaces, and the check that they exist.

ministack promises no interface to code that runs inside it, so it is pinned to one
version, and every name is looked up before anything starts. A changed name is then one
clear error instead of a rotation that silently does nothing.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from types import ModuleType
from typing import Any

VERSION = "1.5.33"
"""The one version of ministack that this package has been tested with."""

SERVICES = (
    "cloudformation",
    "cloudtrail",
    "ec2",
    "events",
    "iam",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
    "tagging",
)
"""What keyrota's stacks use; ministack's other services stay off, and with them their ports."""

NAMES: dict[str, tuple[str, ...]] = {
    "ministack.app": (
        "SERVICE_HANDLERS",
        "SERVICE_REGISTRY",
        "_handle_admin_reset",
        "_handle_post_body_shortcuts",
        "_handle_pre_body_request",
        "_handle_special_data_plane_request",
        "app",
        "pin_request_origin",
    ),
    "ministack.core.iam_actions": (
        "SERVICE_TO_IAM_NAMESPACE",
        "access_denied_response",
        "extract_iam_action",
        "extract_resource_arn",
        "identity_denial_message",
    ),
    "ministack.core.iam_evaluator": (
        "AuthError",
        "EvalContext",
        "ResolvedCredential",
        "_SESSION_TOKEN_NOT_CHECKED",
        "_action_matches",
        "_gather_role_policies",
        "_gather_user_policies",
        "_permissions_boundary",
        "_resource_matches",
        "_unknown_access_key",
        "_validate_session_token",
        "_verified_key",
        "authenticate",
        "enforce",
        "evaluate",
        "evaluate_resource_policy",
        "is_root_access_key",
        "pin_signed_body",
        "pin_signed_request",
        "resolve_credential",
        "resolve_principal",
        "validate_policy_document",
        "validate_role_arn",
    ),
    "ministack.core.lambda_runtime": (
        "_account_region_from_function_config",
        "execution_credentials",
        "os",
        "subprocess",
    ),
    "ministack.core.responses": (
        "AccountScopedDict",
        "_service_model",
        "error_response_json",
        "get_account_id",
        "get_region",
        "json_response",
        "new_uuid",
        "now_iso",
        "request_scope",
    ),
    "ministack.core.router": ("extract_access_key_id",),
    "ministack.services.cloudformation": (
        "_ACTION_HANDLERS",
        "_change_sets",
        "_stack_events",
        "_stacks",
    ),
    "ministack.services.cloudformation.changesets": (
        "_IMPORT_LOOKUPS",
        "_IMPORT_NOT_FOUND",
        "_drop_other_change_sets",
        "_find_change_set",
        "_import_resource",
        "_resolve_props_for_diff",
        "_track_change_set_execution",
    ),
    "ministack.services.cloudformation.drift": (
        "_DRIFT_READERS",
        "_coerce_like",
        "_differences",
        "_expected_properties",
        "_tags_in_shape",
        "record_resource_drift",
    ),
    "ministack.services.cloudformation.handlers": ("_resolve_stack", "_stack_resource_drift_xml"),
    "ministack.services.cloudformation.helpers": (
        "TEMPLATE_URL_MAX_BYTES",
        "_error",
        "_extract_members",
        "_extract_string_members",
        "_p",
        "_resolve_document",
        "_validate_stack_tags",
        "_xml",
    ),
    "ministack.services.cloudformation.provisioners": (
        "_NAME_SEED",
        "_REPLACING_PROPERTIES",
        "_RESOURCE_HANDLERS",
        "_STACK_TAG_PROPERTY",
        "_eb_rule_bus_name",
        "_iam_policy_create",
        "_iam_policy_delete",
        "_iam_policy_update",
        "_lambda_function_for_cfn_ref",
        "_physical_name",
        "_reconcile_tag_list",
        "_sm_secret_string",
        "_tag_map",
        "_with_stack_tags",
    ),
    "ministack.services.cloudformation.stacks": (
        "_delete_resource",
        "_diff_resources",
        "_operation_event",
        "_provision_resource",
        "_stack_region_context",
        "_stack_tags_changed",
        "_update_resource",
        "_with_stack_tags",
    ),
    "ministack.services.cloudtrail": ("record_event",),
    "ministack.services.cloudwatch": ("_alarms", "_resource_tags", "record_metric"),
    "ministack.services.cloudwatch_logs": ("_log_groups", "handle_request"),
    "ministack.services.ec2": ("_security_groups", "_subnets"),
    "ministack.services.eventbridge": (
        "_cron_next_fire",
        "_dispatch_event",
        "_dispatch_to_event_bus",
        "_dispatch_to_lambda",
        "_dispatch_to_sns",
        "_dispatch_to_sqs",
        "_invoke_target",
        "_parse_cron_fields",
        "_rule_key",
        "_rules",
        "_tags",
        "_targets",
    ),
    "ministack.services.iam": (
        "_IAM_HANDLERS",
        "_access_keys",
        "_aws_managed_policies",
        "_boundary_policy_error",
        "_error",
        "_extract_tags",
        "_groups",
        "_login_profiles",
        "_make_aws_managed_record",
        "_p",
        "_policies",
        "_roles",
        "_user_inline_policies",
        "_users",
        "_xml",
        "reset",
    ),
    "ministack.services.kms": (
        "_alias_arn",
        "_aliases",
        "_create_key",
        "_keys",
        "_put_key_policy",
        "_resolve_key",
        "handle_request",
    ),
    "ministack.services.lambda_svc": (
        "_emit_lambda_logs",
        "_execute_function_with_config_scope",
        "_execution_record_for_config",
        "_fetch_code_from_s3",
        "_functions",
        "_get_func_record_for_ref",
        "_reject_unreadable_zip",
        "_vpc_config_with_id",
        "execution_credentials",
        "os",
        "subprocess",
    ),
    "ministack.services.s3": (
        "_bucket_owner_account",
        "_error",
        "_get_object_data",
        "_parse_bucket_key",
        "handle_request",
        "resolve_credential",
    ),
    "ministack.services.secretsmanager": (
        "_add_stage",
        "_create_secret",
        "_delete_secret",
        "_describe_secret",
        "_emit_secret_label_updated",
        "_find_stage_version",
        "_get_secret_value",
        "_is_replica",
        "_replica_mutation_error",
        "_replicate_secret_to_regions",
        "_resource_policies",
        "_secret_arn_for_region",
        "_list_secret_version_ids",
        "_list_secrets",
        "_purge_secret",
        "_put_resource_policy",
        "_delete_resource_policy",
        "_put_secret_value",
        "_remove_stage",
        "_remove_stage_everywhere",
        "_resolve",
        "_rotate_secret",
        "_secrets",
        "_store_new_secret",
        "_sync_replicas",
        "_update_secret",
        "handle_request",
        "reset",
    ),
    "ministack.services.sns": ("_sub_arn_to_topic", "_topics", "topic_policy_for_arn"),
    "ministack.services.sqs": ("_queue_by_arn",),
    "ministack.services.tagging": ("handle_request", "resource_tags"),
    "ministack.services.sts": ("is_root_access_key", "register_session", "resolve_credential"),
}
"""Each module of ministack with the names in it that must exist."""

ENTRIES: dict[tuple[str, str], tuple[str, ...]] = {
    ("ministack.app", "SERVICE_HANDLERS"): SERVICES,
    ("ministack.app", "SERVICE_REGISTRY"): SERVICES,
    ("ministack.services.cloudformation", "_ACTION_HANDLERS"): (
        "CreateChangeSet",
        "CreateStack",
        "DeleteStack",
        "DescribeChangeSet",
        "DescribeEvents",
        "DescribeStacks",
        "ExecuteChangeSet",
        "GetTemplate",
        "GetTemplateSummary",
        "ListStacks",
        "UpdateStack",
        "ValidateTemplate",
    ),
    ("ministack.services.iam", "_IAM_HANDLERS"): (
        "CreateAccessKey",
        "CreateRole",
        "CreateUser",
        "DeleteAccessKey",
        "DeleteUser",
        "GenerateCredentialReport",
        "GetAccessKeyLastUsed",
        "GetCredentialReport",
        "ListAccessKeys",
        "SimulatePrincipalPolicy",
        "TagRole",
        "TagUser",
        "UntagRole",
        "UntagUser",
        "UpdateAssumeRolePolicy",
    ),
    ("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS"): (
        "AWS::IAM::Role",
        "AWS::KMS::Key",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::SNS::Topic",
        "AWS::SecretsManager::Secret",
    ),
}
"""The keys that must exist in ministack's tables."""


def problems() -> list[str]:
    """Returns a sentence for each way in which the installed ministack is not the expected one."""
    try:
        installed = metadata.version("ministack")
    except metadata.PackageNotFoundError:
        return [f"ministack is not installed; install ministack=={VERSION}."]
    found = []
    if installed != VERSION:
        found.append(f"ministack {installed} is installed, but only {VERSION} has been tested.")
    for module_name, names in NAMES.items():
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            found.append(f"The module {module_name} of ministack {installed} is gone ({error}).")
            continue
        found.extend(
            f"ministack {installed} no longer has {module_name}.{name}, which keyrota needs."
            for name in names
            if not hasattr(module, name)
        )
        for (table_module, table), keys in ENTRIES.items():
            if table_module == module_name:
                found.extend(_missing_entries(installed, module, table, keys))
    return found


def _missing_entries(
    installed: str, module: ModuleType, table: str, keys: tuple[str, ...]
) -> list[str]:
    entries: Any = getattr(module, table, {})
    return [
        f"ministack {installed} no longer has {module.__name__}.{table}[{key!r}], "
        "which keyrota needs."
        for key in keys
        if key not in entries
    ]


def put(module: ModuleType, name: str, replacement: Any) -> None:
    """Replaces a name of ministack, which ``problems`` must check."""
    if name not in NAMES.get(module.__name__, ()):
        raise KeyError(f"{module.__name__}.{name} is replaced but not listed in NAMES")
    setattr(module, name, replacement)
