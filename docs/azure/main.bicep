// A storage account for nx-azure-cache, with an identity for trusted branches
// and one for pull requests (docs/security.md explains each line):
//
//   az deployment group create --resource-group GROUP --template-file main.bicep \
//     --parameters accountName=ACCOUNT \
//       trustedSubject=repo:ORG/REPO:environment:nx-cache-main \
//       pullRequestSubject=repo:ORG/REPO:pull_request
//
// This file was never deployed or compiled: see README.md.

targetScope = 'resourceGroup'

@description('Name of the storage account: 3 to 24 lower case letters and digits, unique in all of Azure.')
@minLength(3)
@maxLength(24)
param accountName string

param location string = resourceGroup().location

@description('true: separate containers for trusted, untrusted and local scopes. false: one container.')
param separateContainers bool = true

@description('azure.container of nx.json. With separateContainers, NAME-trusted and NAME-local are created as well.')
param container string = 'nxcache'

@description('azure.prefix of nx.json, without leading or trailing slash; empty if not set.')
param prefix string = ''

@description('Issuer of the tokens of the CI.')
param issuer string = 'https://token.actions.githubusercontent.com'

@description('Subject of the tokens of trusted branches.')
param trustedSubject string

@description('Subject of the tokens of pull requests.')
param pullRequestSubject string

@description('Object ID of the group of developers; if empty, developers get no access.')
param developers string = ''

var trustedContainer = separateContainers ? '${container}-trusted' : container
var localContainer = separateContainers ? '${container}-local' : container
var containerNames = separateContainers ? [container, trustedContainer, localContainer] : [container]
var blobPrefix = empty(prefix) ? '' : '${prefix}/'

var roles = [
  loadJsonContent('role-read.json')
  loadJsonContent('role-add.json')
  loadJsonContent('role-write.json')
]
var conditionTrusted = replace(loadTextContent('condition-trusted.txt'), '{prefix}', blobPrefix)
var conditionPullRequests = replace(loadTextContent('condition-pull-requests.txt'), '{prefix}', blobPrefix)
var conditionDevelopers = replace(loadTextContent('condition-developers.txt'), '{prefix}', blobPrefix)
var lifecycle = json(replace(replace(replace(replace(loadTextContent('lifecycle.json'), '{prefix}', blobPrefix), '{untrusted}', container), '{trusted}', trustedContainer), '{local}', localContainer))

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: accountName
  location: location
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    isHnsEnabled: false
    isLocalUserEnabled: false
    isSftpEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    lastAccessTimeTrackingPolicy: {
      enable: true
      name: 'AccessTimeTracking'
      trackingGranularityInDays: 1
      blobType: ['blockBlob']
    }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = [
  for name in containerNames: {
    parent: blobService
    name: name
    properties: { publicAccess: 'None' }
  }
]

resource untrustedScope 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' existing = {
  parent: blobService
  name: container
}

resource trustedScope 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' existing = {
  parent: blobService
  name: trustedContainer
}

resource localScope 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' existing = {
  parent: blobService
  name: localContainer
}

resource expiry 'Microsoft.Storage/storageAccounts/managementPolicies@2023-05-01' = {
  parent: account
  name: 'default'
  properties: { policy: lifecycle }
  dependsOn: [blobService] // a rule about the last access needs last-access tracking
}

resource trusted 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${accountName}-trusted'
  location: location

  resource credential 'federatedIdentityCredentials' = {
    name: 'ci'
    properties: {
      issuer: issuer
      subject: trustedSubject
      audiences: ['api://AzureADTokenExchange']
    }
  }
}

resource pullRequests 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${accountName}-pull-requests'
  location: location

  resource credential 'federatedIdentityCredentials' = {
    name: 'ci'
    properties: {
      issuer: issuer
      subject: pullRequestSubject
      audiences: ['api://AzureADTokenExchange']
    }
  }
}

// The name of a role is unique in its tenant.
resource roleDefinitions 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [
  for role in roles: {
    name: guid(resourceGroup().id, accountName, role.Name)
    properties: {
      roleName: '${role.Name} (${accountName})'
      description: role.Description
      type: 'CustomRole'
      permissions: [
        {
          actions: role.Actions
          notActions: role.NotActions
          dataActions: role.DataActions
          notDataActions: role.NotDataActions
        }
      ]
      assignableScopes: [resourceGroup().id]
    }
  }
]

resource trustedWrites 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: trustedScope
  name: guid(resourceGroup().id, accountName, trustedContainer, 'trusted writes')
  properties: {
    principalId: trusted.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roleDefinitions[2].id
    condition: conditionTrusted
    conditionVersion: '2.0'
  }
  dependsOn: [containers]
}

resource pullRequestsAdd 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: untrustedScope
  name: guid(resourceGroup().id, accountName, container, 'pull requests add')
  properties: {
    principalId: pullRequests.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roleDefinitions[1].id
    condition: conditionPullRequests
    conditionVersion: '2.0'
  }
  dependsOn: [containers]
}

resource pullRequestsRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (separateContainers) {
  scope: trustedScope
  name: guid(resourceGroup().id, accountName, trustedContainer, 'pull requests read')
  properties: {
    principalId: pullRequests.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: roleDefinitions[0].id
  }
  dependsOn: [containers]
}

resource developersAdd 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(developers)) {
  scope: localScope
  name: guid(resourceGroup().id, accountName, localContainer, 'developers add')
  properties: {
    principalId: developers
    principalType: 'Group'
    roleDefinitionId: roleDefinitions[1].id
    condition: conditionDevelopers
    conditionVersion: '2.0'
  }
  dependsOn: [containers]
}

resource developersRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (separateContainers && !empty(developers)) {
  scope: trustedScope
  name: guid(resourceGroup().id, accountName, trustedContainer, 'developers read')
  properties: {
    principalId: developers
    principalType: 'Group'
    roleDefinitionId: roleDefinitions[0].id
  }
  dependsOn: [containers]
}

output tenantId string = tenant().tenantId
output trustedClientId string = trusted.properties.clientId
output pullRequestsClientId string = pullRequests.properties.clientId
