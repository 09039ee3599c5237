package azure_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

func TestOpen(t *testing.T) {
	signIn := validFor(time.Hour)
	for _, test := range []struct {
		name    string
		options azure.Options
		url     string // "" if it cannot be opened
		err     string
	}{
		{
			name:    "an account of the public cloud",
			options: azure.Options{Container: "results", AccountName: "account", Credential: signIn},
			url:     "https://account.blob.core.windows.net/results",
		},
		{
			name:    "an endpoint, which wins over the account",
			options: azure.Options{Container: "results", AccountName: "other", Endpoint: "https://account.blob.core.usgovcloudapi.net/", Credential: signIn},
			url:     "https://account.blob.core.usgovcloudapi.net/results",
		},
		{
			name:    "a connection string with a key",
			options: azure.Options{Container: "results", ConnectionString: endpoint.Secret("DefaultEndpointsProtocol=https;AccountName=account;AccountKey=" + accountKey + ";EndpointSuffix=core.windows.net")},
			url:     "https://account.blob.core.windows.net/results",
		},
		{
			name:    "a connection string of the portal with a line break and a semicolon at its end",
			options: azure.Options{Container: "results", ConnectionString: endpoint.Secret("AccountName=account;AccountKey=" + accountKey + ";EndpointSuffix=core.chinacloudapi.cn;\n")},
			url:     "https://account.blob.core.chinacloudapi.cn/results",
		},
		{
			name:    "a connection string with a SAS",
			options: azure.Options{Container: "results", ConnectionString: "BlobEndpoint=https://account.blob.core.windows.net/;SharedAccessSignature=sv=2024-11-04&sp=rc&sig=a%2Fb%3D"},
			url:     "https://account.blob.core.windows.net/results",
		},
		{
			name:    "the emulator's short form",
			options: azure.Options{Container: "results", ConnectionString: " UseDevelopmentStorage=true;\n"},
			url:     "http://127.0.0.1:10000/devstoreaccount1/results",
		},
		{
			name:    "a connection string, which wins over all else",
			options: azure.Options{Container: "results", AccountName: "other", Endpoint: "https://other.example", ConnectionString: "UseDevelopmentStorage=true"},
			url:     "http://127.0.0.1:10000/devstoreaccount1/results",
		},
		{
			name:    "no container",
			options: azure.Options{AccountName: "account", Credential: signIn},
			err:     "container: a container name",
		},
		{
			name:    "nothing but a container",
			options: azure.Options{Container: "results", Credential: signIn},
			err:     "accountName: an account name",
		},
		{
			name:    "an endpoint without TLS",
			options: azure.Options{Container: "results", Endpoint: "http://account.blob.core.windows.net", Credential: signIn},
			err:     "endpoint: it is not https",
		},
		{
			name:    "a key that is not base64",
			options: azure.Options{Container: "results", ConnectionString: "AccountName=account;AccountKey=not*base64"},
			err:     "the connection string in AZURE_STORAGE_CONNECTION_STRING is invalid",
		},
		{
			name:    "a connection string without a key",
			options: azure.Options{Container: "results", ConnectionString: "AccountName=account;EndpointSuffix=core.windows.net"},
			err:     "AccountKey or SharedAccessSignature",
		},
		{
			name:    "a connection string without an account",
			options: azure.Options{Container: "results", ConnectionString: endpoint.Secret("AccountKey=" + accountKey)},
			err:     "AccountName or BlobEndpoint",
		},
		{
			name:    "a connection string that is none",
			options: azure.Options{Container: "results", ConnectionString: "hunter2"},
			err:     "the connection string in AZURE_STORAGE_CONNECTION_STRING is invalid",
		},
		{
			name:    "a connection string of blanks",
			options: azure.Options{Container: "results", ConnectionString: " \n"},
			err:     "the connection string in AZURE_STORAGE_CONNECTION_STRING is invalid",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := azure.Open(test.options)
			switch {
			case test.err != "":
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want an error with %q", err, test.err)
				}
			case err != nil:
				t.Errorf("got %v, want nil", err)
			case c.URL() != test.url:
				t.Errorf("got %s, want %s", c.URL(), test.url)
			}
		})
	}
	if got := signIn.asked.Load(); got != 0 {
		t.Errorf("got %d sign-ins, want none: opening sends nothing", got)
	}
}
