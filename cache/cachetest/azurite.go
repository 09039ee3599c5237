package cachetest

import (
	"os"
	"testing"
)

// Azurite returns the connection string of a running Azurite and the name of an existing
// container in it. `npm test` starts Azurite and sets the variables; without them the test
// is skipped. If NX_AZURE_CACHE_TEST_NO_SKIP is set, as in `npm test`, the test fails
// instead: a skipped test looks like one that passes.
func Azurite(t *testing.T) (connectionString, container string) {
	t.Helper()
	connectionString = os.Getenv("NX_AZURE_CACHE_TEST_AZURITE")
	container = os.Getenv("NX_AZURE_CACHE_TEST_CONTAINER")
	if connectionString != "" && container != "" {
		return connectionString, container
	}
	const reason = "needs Azurite: `npm test` starts one and sets NX_AZURE_CACHE_TEST_AZURITE and NX_AZURE_CACHE_TEST_CONTAINER"
	if os.Getenv("NX_AZURE_CACHE_TEST_NO_SKIP") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
	return "", ""
}
