package azuretest_test

import (
	"fmt"
	"net/http"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// A service that stalls the third part of a download once.
func Example() {
	service := azuretest.New(azuretest.Options{Containers: []string{"results"}, Requests: 1000})
	server, err := service.Start()
	if err != nil {
		panic(err)
	}
	defer server.Close()
	if err := service.Put("results", "v1/shared/123", azuretest.Blob{Body: make([]byte, 12<<20)}); err != nil {
		panic(err)
	}
	stall := service.AddFault(faults.Fault{
		Method: http.MethodGet, Blob: "v1/shared/*", Range: "bytes=8388608-*", Times: 1,
		Action: faults.StallBody, After: 1000,
	})
	defer stall.Release()

	// azure.Open(azure.Options{Container: "results", ConnectionString: endpoint.Secret(service.ConnectionString(server.URL))})
	fmt.Println(len(service.Requests()), service.Names("results"))
	// Output: 0 [v1/shared/123]
}
