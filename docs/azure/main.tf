# A storage account for nx-azure-cache, with an identity for trusted branches
# and one for pull requests (docs/security.md explains each line):
#
#   terraform init
#   terraform apply -var subscription_id=… -var resource_group_name=GROUP \
#     -var account_name=ACCOUNT \
#     -var trusted_subject=repo:ORG/REPO:environment:nx-cache-main \
#     -var pull_request_subject=repo:ORG/REPO:pull_request
#
# This file was never applied, and was validated without its provider: see README.md.

terraform {
  required_version = ">= 1.5"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.66, < 6.0"
    }
  }
}

provider "azurerm" {
  subscription_id     = var.subscription_id
  storage_use_azuread = true # account keys are off

  features {}
}

variable "subscription_id" {
  type = string
}

variable "resource_group_name" {
  description = "An existing resource group."
  type        = string
}

variable "account_name" {
  description = "Name of the storage account: 3 to 24 lower case letters and digits, unique in all of Azure."
  type        = string
}

variable "separate_containers" {
  description = "true: separate containers for trusted, untrusted and local scopes. false: one container."
  type        = bool
  default     = true
}

variable "container" {
  description = "azure.container of nx.json. With separate_containers, NAME-trusted and NAME-local are created as well."
  type        = string
  default     = "nxcache"
}

variable "prefix" {
  description = "azure.prefix of nx.json, without leading or trailing slash; empty if not set."
  type        = string
  default     = ""
}

variable "issuer" {
  description = "Issuer of the tokens of the CI."
  type        = string
  default     = "https://token.actions.githubusercontent.com"
}

variable "trusted_subject" {
  description = "Subject of the tokens of trusted branches."
  type        = string
}

variable "pull_request_subject" {
  description = "Subject of the tokens of pull requests."
  type        = string
}

variable "developers" {
  description = "Object ID of the group of developers; if empty, developers get no access."
  type        = string
  default     = ""
}

locals {
  trusted_container = var.separate_containers ? "${var.container}-trusted" : var.container
  local_container   = var.separate_containers ? "${var.container}-local" : var.container
  containers        = toset([var.container, local.trusted_container, local.local_container])
  blob_prefix       = var.prefix == "" ? "" : "${var.prefix}/"

  roles = {
    read  = jsondecode(file("${path.module}/role-read.json"))
    add   = jsondecode(file("${path.module}/role-add.json"))
    write = jsondecode(file("${path.module}/role-write.json"))
  }
  condition_trusted       = replace(file("${path.module}/condition-trusted.txt"), "{prefix}", local.blob_prefix)
  condition_pull_requests = replace(file("${path.module}/condition-pull-requests.txt"), "{prefix}", local.blob_prefix)
  condition_developers    = replace(file("${path.module}/condition-developers.txt"), "{prefix}", local.blob_prefix)
  lifecycle_json          = replace(file("${path.module}/lifecycle.json"), "{prefix}", local.blob_prefix)
  lifecycle_rules = jsondecode(replace(replace(replace(local.lifecycle_json,
    "{untrusted}", var.container),
    "{trusted}", local.trusted_container),
  "{local}", local.local_container)).rules
}

data "azurerm_resource_group" "cache" {
  name = var.resource_group_name
}

resource "azurerm_storage_account" "cache" {
  name                = var.account_name
  resource_group_name = data.azurerm_resource_group.cache.name
  location            = data.azurerm_resource_group.cache.location

  account_kind             = "StorageV2"
  account_tier             = "Standard"
  account_replication_type = "LRS"

  shared_access_key_enabled        = false
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  default_to_oauth_authentication  = true
  is_hns_enabled                   = false
  local_user_enabled               = false
  sftp_enabled                     = false
  min_tls_version                  = "TLS1_2"
  https_traffic_only_enabled       = true

  blob_properties {
    last_access_time_enabled = true
  }
}

resource "azurerm_storage_container" "cache" {
  for_each = local.containers

  name                  = each.key
  storage_account_id    = azurerm_storage_account.cache.id
  container_access_type = "private"
}

resource "azurerm_storage_management_policy" "cache" {
  storage_account_id = azurerm_storage_account.cache.id

  dynamic "rule" {
    for_each = local.lifecycle_rules

    content {
      name    = rule.value.name
      enabled = rule.value.enabled

      filters {
        blob_types   = rule.value.definition.filters.blobTypes
        prefix_match = rule.value.definition.filters.prefixMatch
      }

      actions {
        base_blob {
          delete_after_days_since_creation_greater_than         = try(rule.value.definition.actions.baseBlob.delete.daysAfterCreationGreaterThan, null)
          delete_after_days_since_last_access_time_greater_than = try(rule.value.definition.actions.baseBlob.delete.daysAfterLastAccessTimeGreaterThan, null)
        }
      }
    }
  }
}

resource "azurerm_user_assigned_identity" "trusted" {
  name                = "${var.account_name}-trusted"
  resource_group_name = data.azurerm_resource_group.cache.name
  location            = data.azurerm_resource_group.cache.location
}

resource "azurerm_federated_identity_credential" "trusted" {
  name                      = "ci"
  user_assigned_identity_id = azurerm_user_assigned_identity.trusted.id
  audience                  = ["api://AzureADTokenExchange"]
  issuer                    = var.issuer
  subject                   = var.trusted_subject
}

resource "azurerm_user_assigned_identity" "pull_requests" {
  name                = "${var.account_name}-pull-requests"
  resource_group_name = data.azurerm_resource_group.cache.name
  location            = data.azurerm_resource_group.cache.location
}

resource "azurerm_federated_identity_credential" "pull_requests" {
  name                      = "ci"
  user_assigned_identity_id = azurerm_user_assigned_identity.pull_requests.id
  audience                  = ["api://AzureADTokenExchange"]
  issuer                    = var.issuer
  subject                   = var.pull_request_subject
}

# The name of a role is unique in its tenant.
resource "azurerm_role_definition" "cache" {
  for_each = local.roles

  name              = "${each.value.Name} (${var.account_name})"
  description       = each.value.Description
  scope             = data.azurerm_resource_group.cache.id
  assignable_scopes = [data.azurerm_resource_group.cache.id]

  permissions {
    actions          = each.value.Actions
    not_actions      = each.value.NotActions
    data_actions     = each.value.DataActions
    not_data_actions = each.value.NotDataActions
  }
}

resource "azurerm_role_assignment" "trusted_writes" {
  scope              = azurerm_storage_container.cache[local.trusted_container].id
  role_definition_id = azurerm_role_definition.cache["write"].role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.trusted.principal_id
  principal_type     = "ServicePrincipal"
  condition          = local.condition_trusted
  condition_version  = "2.0"
}

resource "azurerm_role_assignment" "pull_requests_add" {
  scope              = azurerm_storage_container.cache[var.container].id
  role_definition_id = azurerm_role_definition.cache["add"].role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.pull_requests.principal_id
  principal_type     = "ServicePrincipal"
  condition          = local.condition_pull_requests
  condition_version  = "2.0"
}

resource "azurerm_role_assignment" "pull_requests_read" {
  count = var.separate_containers ? 1 : 0

  scope              = azurerm_storage_container.cache[local.trusted_container].id
  role_definition_id = azurerm_role_definition.cache["read"].role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.pull_requests.principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_assignment" "developers_add" {
  count = var.developers == "" ? 0 : 1

  scope              = azurerm_storage_container.cache[local.local_container].id
  role_definition_id = azurerm_role_definition.cache["add"].role_definition_resource_id
  principal_id       = var.developers
  principal_type     = "Group"
  condition          = local.condition_developers
  condition_version  = "2.0"
}

resource "azurerm_role_assignment" "developers_read" {
  count = var.separate_containers && var.developers != "" ? 1 : 0

  scope              = azurerm_storage_container.cache[local.trusted_container].id
  role_definition_id = azurerm_role_definition.cache["read"].role_definition_resource_id
  principal_id       = var.developers
  principal_type     = "Group"
}

output "tenant_id" {
  value = azurerm_user_assigned_identity.trusted.tenant_id
}

output "trusted_client_id" {
  value = azurerm_user_assigned_identity.trusted.client_id
}

output "pull_requests_client_id" {
  value = azurerm_user_assigned_identity.pull_requests.client_id
}
