output "stack_id" {
  description = "The ARN of the stack."
  value       = aws_cloudformation_stack.keyrota.id
}

output "function_arn" {
  description = "The ARN of the rotation function."
  value       = aws_cloudformation_stack.keyrota.outputs["FunctionArn"]
}

output "secret_arns" {
  description = "The ARNs of the secrets, by the names of the stack's outputs."
  value       = { for name, value in aws_cloudformation_stack.keyrota.outputs : name => value if startswith(name, "SecretArn") }
}
