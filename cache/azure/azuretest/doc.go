// Package azuretest is a Blob service for tests and benchmarks: in memory, fast,
// and able to simulate what the emulator Azurite does not.
//
// It answers as Azure does, as far as that is documented or was seen
// (learn.microsoft.com/rest/api/storageservices/blob-service-rest-api): Get Blob
// with ranges and conditions, Get Blob Properties, Put Blob, Put Block, Put Block
// List, Delete Blob, List Blobs, Create Container and Get Container Properties.
// All else, and every header and parameter that would change what these do, is
// refused with 501 NotImplemented rather than passed over.
//
// Beside that it simulates rights (roles and SAS that may create but not
// overwrite, role conditions on paths), throttling, faults of single requests,
// latency, and the rate of a connection.
//
// What differs from Azure: no signature is checked; a digest is kept if the
// writer sent one, and computed only to check that; the case of the names of
// metadata is lost, as HTTP allows.
package azuretest
