SUBSCRIPTION=00000000-0000-0000-0000-000000000000
LOCATION=westeurope
GROUP=nx-cache
ACCOUNT=mycompanycache   # 3 to 24 lower case letters and digits, unique in all of Azure
CONTAINER=nxcache

az login
az account set --subscription "$SUBSCRIPTION"
az group create --name "$GROUP" --location "$LOCATION"
az storage account create --name "$ACCOUNT" --resource-group "$GROUP" --location "$LOCATION" \
  --kind StorageV2 --sku Standard_LRS --https-only true --min-tls-version TLS1_2 \
  --allow-shared-key-access false --allow-blob-public-access false --allow-cross-tenant-replication false
az storage container-rm create --storage-account "$ACCOUNT" --resource-group "$GROUP" --name "$CONTAINER" --public-access off

ME=$(az ad signed-in-user show --query id --output tsv)
az role assignment create --assignee-object-id "$ME" --assignee-principal-type User \
  --role "Storage Blob Data Contributor" \
  --scope "/subscriptions/$SUBSCRIPTION/resourceGroups/$GROUP/providers/Microsoft.Storage/storageAccounts/$ACCOUNT/blobServices/default/containers/$CONTAINER"
