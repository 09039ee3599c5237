package testenv

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// Storage is a Blob service with one behavior for each request method at a time.
type Storage struct {
	Service *azuretest.Service
	server  *azuretest.Server
	Held    map[string]<-chan struct{} // by method: one value for each held request

	mu    sync.Mutex
	rules map[string]*faults.Rule // in force, by method
	holds []*faults.Rule          // that may hold requests
}

// The account and the containers of a storage.
const (
	StorageAccount = "nxcache"
	Container      = "artifacts"
	OtherContainer = "nx-cache" // if a test needs two
)

// StorageRule changes the responses to a request method.
type StorageRule struct {
	Action string // status, reset or hold
	Code   string // x-ms-error-code
	Left   int    // how many requests; -1 means all
}

// StartStorage returns a storage and its connection string.
func StartStorage(t testing.TB) (*Storage, string) {
	t.Helper()
	s := &Storage{
		Service: azuretest.New(azuretest.Options{Account: StorageAccount, Containers: []string{Container, OtherContainer}, Requests: 10_000}),
		Held:    map[string]<-chan struct{}{http.MethodGet: make(chan struct{}), http.MethodPut: make(chan struct{})},
		rules:   make(map[string]*faults.Rule),
	}
	var err error
	if s.server, err = s.Service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.server.Close)
	return s, ConnectionStringFor(strings.TrimPrefix(s.server.URL, "http://"))
}

// Account is the URL of the storage account.
func (s *Storage) Account() string { return s.server.URL + "/" + StorageAccount }

// TakeRequests returns the requests since its last call, without those that the client
// cancelled.
func (s *Storage) TakeRequests() (requests []string) {
	for _, request := range s.Service.TakeRequests() {
		if request.Status != 0 || request.Fault == faults.Reset || request.Fault == faults.Hold {
			requests = append(requests, request.Method+" "+request.Path)
		}
	}
	return requests
}

// Behave changes the responses to a request method. nil restores the usual behavior.
func (s *Storage) Behave(method string, rule *StorageRule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.rules[method]; before != nil {
		before.Remove()
		delete(s.rules, method)
	}
	if rule == nil {
		return
	}
	fault := faults.Fault{Method: method, Times: max(rule.Left, 0), Action: faults.Action(rule.Action)}
	if status, err := strconv.Atoi(rule.Action); err == nil {
		fault.Action, fault.Status, fault.Code = faults.Fail, status, rule.Code
	}
	s.rules[method] = s.Service.AddFault(fault)
	if fault.Action == faults.Hold {
		s.holds = append(s.holds, s.rules[method])
		s.Held[method] = s.rules[method].Reached()
	}
}

// Release responds to held requests, and holds no more.
func (s *Storage) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hold := range s.holds {
		hold.Release()
	}
	s.holds = nil
}

// SASConnection returns a connection string with a SAS that the storage knows by sig.
func (s *Storage) SASConnection(sig, permissions string) string {
	return "BlobEndpoint=" + s.Account() + ";SharedAccessSignature=sv=2025-11-05&sr=c&sp=" + permissions + "&se=2099-01-01T00:00:00Z&sig=" + sig
}

// DeadPort returns a connection string for a port where no one listens.
func DeadPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return ConnectionStringFor(address)
}

func ConnectionStringFor(address string) string {
	return "AccountName=nxcache;AccountKey=" + AccountKey + ";BlobEndpoint=http://" + address + "/nxcache;"
}

// ContainerSAS returns the connection string of a SAS for a container
// (learn.microsoft.com/rest/api/storageservices/create-service-sas).
func ContainerSAS(t *testing.T, connection, container, sp string) string {
	t.Helper()
	parts := make(map[string]string)
	for part := range strings.SplitSeq(connection, ";") {
		name, value, _ := strings.Cut(part, "=")
		parts[name] = value
	}
	key, err := base64.StdEncoding.DecodeString(parts["AccountKey"])
	if err != nil {
		t.Fatal(err)
	}
	const expiry, version = "2099-01-01T00:00:00Z", "2020-12-06"
	resource := "/blob/" + parts["AccountName"] + "/" + container
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n\n%s\n%s\n\n\n\n%s\nc\n\n\n\n\n\n\n", sp, expiry, resource, version)
	query := url.Values{"sp": {sp}, "se": {expiry}, "sv": {version}, "sr": {"c"}, "sig": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
	return "BlobEndpoint=" + parts["BlobEndpoint"] + ";SharedAccessSignature=" + query.Encode()
}
