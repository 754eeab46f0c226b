# Deploys a stack that keyrota rendered. README.md says what Terraform does and what `keyrota bootstrap`
# still has to do.

locals {
  template = file(var.template_file)

  # CloudFormation accepts 51,200 bytes in a request, and 1 MB in a bucket. A rendered template is ASCII,
  # so that a character is a byte.
  is_long = length(local.template) > 51200

  # The object keys that keyrota itself uses. With the same bucket, keys, and versions, `keyrota bootstrap`
  # finds nothing to change in the stack.
  zip_keys     = { for path in toset(values(var.function_zips)) : path => "${var.stack}/function/${filesha256(path)}.zip" }
  template_key = "${var.stack}/template/${sha256(local.template)}.yaml"

  keys     = { for parameter, path in var.function_zips : parameter => local.zip_keys[path] }
  versions = { for parameter, path in var.function_zips : replace(parameter, "/Key$/", "Version") => aws_s3_object.function[path].version_id }
}

data "aws_s3_bucket" "artifacts" {
  bucket = var.artifact_bucket
}

# One object for each file, also where two functions have the same one.
resource "aws_s3_object" "function" {
  for_each = toset(values(var.function_zips))

  bucket       = data.aws_s3_bucket.artifacts.id
  key          = local.zip_keys[each.value]
  source       = each.value
  content_type = "application/zip"

  # The previous zip file is deleted after the stack has the new one.
  lifecycle {
    create_before_destroy = true

    postcondition {
      condition     = coalesce(self.version_id, "null") != "null"
      error_message = "The bucket ${var.artifact_bucket} has no versioning. Enable it: the stack deploys exactly the version that was uploaded."
    }
  }
}

resource "aws_s3_object" "template" {
  count = local.is_long ? 1 : 0

  bucket       = data.aws_s3_bucket.artifacts.id
  key          = local.template_key
  content      = local.template
  content_type = "text/yaml"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudformation_stack" "keyrota" {
  name          = var.stack
  template_body = local.is_long ? null : local.template
  template_url = local.is_long ? format(
    "https://%s/%s?versionId=%s",
    data.aws_s3_bucket.artifacts.bucket_regional_domain_name,
    local.template_key,
    aws_s3_object.template[0].version_id,
  ) : null
  parameters   = merge({ ArtifactBucket = var.artifact_bucket }, local.keys, local.versions)
  capabilities = ["CAPABILITY_NAMED_IAM"]

  # CloudFormation adds the stack's tags to its resources. `keyrota bootstrap` recognizes the stack as its
  # own by keyrota:stack, and restores exactly these tags.
  tags = merge(var.tags, { "keyrota:stack" = var.stack })

  # A function in a VPC takes up to 40 minutes to be replaced or deleted.
  timeouts {
    create = "60m"
    update = "60m"
    delete = "60m"
  }

  # `keyrota teardown` removes a deployment: CloudFormation alone would leave the secrets and the keys.
  lifecycle {
    prevent_destroy = true
  }
}
