variable "stack" {
  description = "The name of the stack, as in the manifest."
  type        = string
}

variable "template_file" {
  description = "The path of the rendered template, such as rendered/stack.yaml."
  type        = string
}

variable "artifact_bucket" {
  description = "An existing bucket in the stack's Region, with versioning enabled. The manifest has it in function.artifact_bucket."
  type        = string
}

variable "function_zips" {
  description = "The zip files that `keyrota bundle` packed from the same manifest, by the name of the stack's parameter, such as ArtifactKey or DatabaseArtifactKey."
  type        = map(string)

  validation {
    condition     = alltrue([for parameter, _ in var.function_zips : endswith(parameter, "ArtifactKey")])
    error_message = "Each key must be the name of a parameter of the template that ends with ArtifactKey."
  }
}

variable "tags" {
  description = "The manifest's tags, no others. The module adds keyrota:stack."
  type        = map(string)
  default     = {}
}
