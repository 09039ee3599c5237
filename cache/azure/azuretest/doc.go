// Package azuretest is a Blob service for tests and benchmarks. It runs in memory, is
// fast, and simulates what the emulator Azurite does not: permissions (RBAC roles and SAS
// that may create but not overwrite, role conditions on paths), throttling, and the
// faults of package faults.
//
// It responds as Azure does, as documented or observed
// (learn.microsoft.com/rest/api/storageservices/blob-service-rest-api), to Get Blob with
// ranges and conditions, Get Blob Properties, Put Blob, Put Block, Put Block List, Delete
// Blob, List Blobs, Create Container and Get Container Properties. It rejects everything
// else with 501 NotImplemented, including headers and parameters that would change these
// operations.
//
// It differs from Azure in that it checks no signature, computes a digest only to check
// one that was sent, and loses the case of metadata names, as HTTP allows.
//
// It must not know the cache: nothing here depends on what a blob means.
package azuretest
