package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

const blobControlHelp = `
serve-blobs has more of them, for tests. Blobs are read and changed without a request to the service:
  GET    /-/blobs/CONTAINER         the names of the blobs
  GET    /-/blobs/CONTAINER/NAME    {"body": BASE64, "metadata": {"sha256": "…"}}
  PUT    /-/blobs/CONTAINER/NAME    stores such a blob, and replaces an existing one
  DELETE /-/blobs/CONTAINER/NAME
  POST   /-/requests                returns the requests since the last call, at most --requests of them:
                                    [{"method": "GET", "path": "…", "status": 200, "fault": ""}]
  POST   /-/faults                  adds a fault (faults.Fault) and returns {"id": 1}
  POST   /-/faults/ID/remove        ends a fault; requests that it holds stay held
  POST   /-/faults/ID/restore       puts a removed fault in force again
  POST   /-/faults/ID/release       ends a fault and answers the requests that it holds
  GET    /-/faults/ID/reached       waits for a request that the fault applies to: once for each`

// blobControl is the control paths of a blob service alone.
type blobControl struct {
	service *azuretest.Service

	mu     sync.Mutex
	faults []*faults.Rule // their IDs are their positions + 1
}

// addTo adds the paths to those that every server has.
func (b *blobControl) addTo(control *http.ServeMux) {
	for pattern, respond := range map[string]func(*http.Request) (any, error){
		"GET /-/blobs/{container}": func(r *http.Request) (any, error) {
			return append([]string{}, b.service.Names(r.PathValue("container"))...), nil // [], not null
		},
		"GET /-/blobs/{container}/{name...}": b.blob,
		"PUT /-/blobs/{container}/{name...}": b.putBlob,
		"DELETE /-/blobs/{container}/{name...}": func(r *http.Request) (any, error) {
			b.service.Remove(r.PathValue("container"), r.PathValue("name"))
			return nil, nil
		},
		"POST /-/requests":            b.takeRequests,
		"POST /-/faults":              b.addFault,
		"POST /-/faults/{id}/remove":  b.onFault((*faults.Rule).Remove),
		"POST /-/faults/{id}/restore": b.onFault((*faults.Rule).Restore),
		"POST /-/faults/{id}/release": b.onFault((*faults.Rule).Release),
		"GET /-/faults/{id}/reached":  b.reached,
	} {
		control.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			value, err := respond(r)
			switch {
			case errors.Is(err, errNotFound):
				http.Error(w, err.Error(), http.StatusNotFound)
			case err != nil:
				http.Error(w, err.Error(), http.StatusBadRequest)
			default:
				reply(w, value)
			}
		})
	}
}

var errNotFound = errors.New("not found")

// controlledBlob is a blob in JSON.
type controlledBlob struct {
	Body     []byte            `json:"body"`
	Metadata map[string]string `json:"metadata"`
}

func (b *blobControl) blob(r *http.Request) (any, error) {
	blob, ok := b.service.Blob(r.PathValue("container"), r.PathValue("name"))
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", r.PathValue("name"), errNotFound)
	}
	metadata := make(map[string]string)
	for name := range blob.Metadata {
		metadata[strings.ToLower(name)] = blob.Metadata.Get(name)
	}
	return controlledBlob{blob.Body, metadata}, nil
}

func (b *blobControl) putBlob(r *http.Request) (any, error) {
	var blob controlledBlob
	if err := decode(r, &blob); err != nil {
		return nil, err
	}
	metadata := make(http.Header)
	for name, value := range blob.Metadata {
		metadata.Set(name, value)
	}
	return nil, b.service.Put(r.PathValue("container"), r.PathValue("name"), azuretest.Blob{Body: blob.Body, Metadata: metadata})
}

// notedRequest is a request in JSON.
type notedRequest struct {
	Method string        `json:"method"`
	Path   string        `json:"path"`
	Status int           `json:"status"` // 0: it got no response, or not yet
	Fault  faults.Action `json:"fault"`
}

func (b *blobControl) takeRequests(*http.Request) (any, error) {
	requests := []notedRequest{}
	for _, request := range b.service.TakeRequests() {
		requests = append(requests, notedRequest{request.Method, request.Path, request.Status, request.Fault})
	}
	return requests, nil
}

func (b *blobControl) addFault(r *http.Request) (any, error) {
	var fault faults.Fault
	if err := decode(r, &fault); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, b.service.AddFault(fault))
	return map[string]int{"id": len(b.faults)}, nil
}

// fault is the one whose ID is in the path.
func (b *blobControl) fault(r *http.Request) (*faults.Rule, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 || id > len(b.faults) {
		return nil, fmt.Errorf("fault %q: %w", r.PathValue("id"), errNotFound)
	}
	return b.faults[id-1], nil
}

func (b *blobControl) onFault(change func(*faults.Rule)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		rule, err := b.fault(r)
		if err == nil {
			change(rule)
		}
		return nil, err
	}
}

func (b *blobControl) reached(r *http.Request) (any, error) {
	rule, err := b.fault(r)
	if err != nil {
		return nil, err
	}
	select {
	case <-rule.Reached():
		return nil, nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

func decode(r *http.Request, value any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err)
	}
	return nil
}
