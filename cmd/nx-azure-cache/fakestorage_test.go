package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// storage is a Blob service as the sessions speak of it: a method is answered
// in one way at a time, and a result is known by its hash.
// npm/nx-azure-cache/testing/blob-server.js is the same in JavaScript.
type storage struct {
	service *azuretest.Service
	server  *azuretest.Server
	held    map[string]<-chan struct{} // by method: one value for each request that is held

	mu      sync.Mutex
	rules   map[string]*faults.Rule // in force, by method
	holds   []*faults.Rule          // that may hold requests
	earlier []storageRequest        // taken from the service
}

// The account and the containers of a storage.
const (
	storageAccount   = "nxcache"
	testContainer    = "artifacts"
	fixtureContainer = "nx-cache" // of the sessions
)

// storageRequest is a request and how it was answered: with a status, reset or
// hold.
type storageRequest struct{ method, path, answer string }

// storageRule is how requests of a method are answered instead.
type storageRule struct {
	answer string // status, reset or hold
	code   string // x-ms-error-code
	left   int    // how many; -1: all
}

// startStorage returns a storage and its connection string.
func startStorage(t testing.TB) (*storage, string) {
	t.Helper()
	s := &storage{
		service: azuretest.New(azuretest.Options{Account: storageAccount, Containers: []string{testContainer, fixtureContainer}, Requests: 10_000}),
		held:    map[string]<-chan struct{}{http.MethodGet: make(chan struct{}), http.MethodPut: make(chan struct{})},
		rules:   make(map[string]*faults.Rule),
	}
	var err error
	if s.server, err = s.service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.server.Close)
	return s, connectionStringFor(strings.TrimPrefix(s.server.URL, "http://"))
}

// account is the URL of the storage account.
func (s *storage) account() string { return s.server.URL + "/" + storageAccount }

// takeRequests returns the requests since it was called last.
func (s *storage) takeRequests() (requests []string) {
	for _, request := range s.take() {
		requests = append(requests, request.method+" "+request.path)
	}
	return requests
}

func (s *storage) take() []storageRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.earlier
	s.earlier = nil
	for _, request := range s.service.TakeRequests() {
		if answer := answerTo(request); answer != "" {
			requests = append(requests, storageRequest{request.Method, request.Path, answer})
		}
	}
	return requests
}

// answerTo is how a request was answered; "" where the client has broken off.
func answerTo(request azuretest.Request) string {
	switch {
	case request.Fault == faults.Reset || request.Fault == faults.Hold:
		return string(request.Fault)
	case request.Status == http.StatusPartialContent:
		// Whether a body comes whole or in ranges is not what sessions are about.
		return strconv.Itoa(http.StatusOK)
	case request.Status != 0:
		return strconv.Itoa(request.Status)
	default:
		return ""
	}
}

// behave changes how requests of a method are answered. Nil: as usual.
func (s *storage) behave(method string, rule *storageRule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.rules[method]; before != nil {
		before.Remove()
		delete(s.rules, method)
	}
	if rule == nil {
		return
	}
	fault := faults.Fault{Method: method, Times: max(rule.left, 0), Action: faults.Action(rule.answer)}
	if status, err := strconv.Atoi(rule.answer); err == nil {
		fault.Action, fault.Status, fault.Code = faults.Fail, status, rule.code
	}
	s.rules[method] = s.service.AddFault(fault)
	if fault.Action == faults.Hold {
		s.holds = append(s.holds, s.rules[method])
		s.held[method] = s.rules[method].Reached()
	}
}

// release answers what is held, and holds no more.
func (s *storage) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hold := range s.holds {
		hold.Release()
	}
	s.holds = nil
}

// aside runs f as if there were no rules, and forgets the requests of it.
func (s *storage) aside(f func() error) error {
	before := s.take()
	s.mu.Lock()
	rules := slices.Collect(maps.Values(s.rules))
	s.mu.Unlock()
	for _, rule := range rules {
		rule.Remove()
	}
	defer func() {
		for _, rule := range rules {
			rule.Restore()
		}
		s.take()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.earlier = before
	}()
	return f()
}

// put stores a blob, whatever is there.
func (s *storage) put(name string, blob azuretest.Blob) error {
	return s.service.Put(fixtureContainer, name, blob)
}

// describe makes a blob's metadata fit its body.
func describe(blob azuretest.Blob) {
	digest := sha256.Sum256(blob.Body)
	blob.Metadata.Set("length", strconv.Itoa(len(blob.Body)))
	blob.Metadata.Set("sha256", hex.EncodeToString(digest[:]))
	blob.Metadata.Set("format", cmp.Or(blob.Metadata.Get("format"), strconv.Itoa(archive.Format)))
}

// damage changes what is stored under a hash.
func (s *storage) damage(hash, kind, argument, text string) error {
	name, blob, ok := s.find(hash)
	if !ok {
		return fmt.Errorf("nothing is stored under %s", hash)
	}
	switch kind {
	case "truncate":
		blob.Body = blob.Body[:len(blob.Body)-1]
	case "append":
		blob.Body = append(blob.Body, 0)
	case "flip":
		blob.Body[len(blob.Body)/2] ^= 1
	case "content":
		blob.Body = []byte(text)
	case "describe":
		describe(blob)
	case "remove":
		s.service.Remove(fixtureContainer, name)
		return nil
	case "as":
		if _, blob, ok = s.find(argument); !ok {
			return fmt.Errorf("nothing is stored under %s", argument)
		}
	case "metadata":
		name, value, _ := strings.Cut(argument, "=")
		blob.Metadata.Del(name)
		if value != "" {
			blob.Metadata.Set(name, value)
		}
	default:
		return fmt.Errorf("there is no damage %q", kind)
	}
	return s.put(name, blob)
}

// find returns the name and a copy of the blob of a hash, whatever prefix and
// scope it has. It reports false where there is none.
func (s *storage) find(hash string) (name string, blob azuretest.Blob, ok bool) {
	for _, name := range s.service.Names(fixtureContainer) {
		if strings.HasSuffix(name, "/"+hash) {
			blob, ok := s.service.Blob(fixtureContainer, name)
			return name, blob, ok
		}
	}
	return "", azuretest.Blob{}, false
}
