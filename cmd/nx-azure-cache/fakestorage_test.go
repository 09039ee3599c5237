package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// storage is as much of Azure Blob Storage as a cache needs: Get Blob, and Put
// Blob with its conditions. It can be made to fail, break and hold requests.
// npm/nx-azure-cache/testing/blob-server.js is the same in JavaScript.
type storage struct {
	server *httptest.Server

	mu       sync.Mutex
	requests []storageRequest
	blobs    map[string]*storedBlob // by path
	versions int
	rules    map[string]*storageRule // by method
	released chan struct{}           // closed: nothing is held any more
	held     map[string]chan struct{}
}

// storageRequest is a request and how it was answered: with a status, reset or
// hold.
type storageRequest struct{ method, path, answer string }

type storedBlob struct {
	body     []byte
	metadata http.Header // canonical names, X-Ms-Meta-…
	etag     string
}

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
		blobs:    make(map[string]*storedBlob),
		rules:    make(map[string]*storageRule),
		released: make(chan struct{}),
		held:     map[string]chan struct{}{http.MethodGet: make(chan struct{}, 1000), http.MethodPut: make(chan struct{}, 1000)},
	}
	s.server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.release()
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s, connectionStringFor(s.server.Listener.Addr().String())
}

// account is the URL of the storage account.
func (s *storage) account() string { return s.server.URL + "/nxcache" }

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has broken off
	}
	switch rule, released := s.begin(r); {
	case rule.answer == "reset":
		panic(http.ErrAbortHandler)
	case rule.answer == "hold":
		select {
		case <-released:
			s.answer(w, r, body, noted)
		case <-r.Context().Done():
		}
	case rule.answer != "":
		status, _ := strconv.Atoi(rule.answer) // checked when the rule was made
		fail(w, status, rule.code)
	default:
		s.answer(w, r, body, !noted)
	}
}

// Whether a request is among the requests already.
const noted = true

// begin finds out how a request is to be answered, and notes it unless it is
// answered as usual.
func (s *storage) begin(r *http.Request) (rule storageRule, released <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there := s.rules[r.Method]; there != nil && there.left != 0 {
		rule = *there
		there.left--
		s.requests = append(s.requests, storageRequest{r.Method, r.URL.Path, rule.answer})
	}
	if rule.answer == "hold" {
		s.held[r.Method] <- struct{}{}
	}
	return rule, s.released
}

// answer answers as the real storage does.
func (s *storage) answer(w http.ResponseWriter, r *http.Request, body []byte, noted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	blob := s.blobs[r.URL.Path]
	status, code := http.StatusOK, ""
	switch {
	case r.Method == http.MethodGet && blob == nil:
		status, code = http.StatusNotFound, "BlobNotFound"
	case r.Method == http.MethodGet:
	case r.Method != http.MethodPut:
		status, code = http.StatusMethodNotAllowed, "UnsupportedHttpVerb"
	case r.Header.Get("If-None-Match") == "*" && blob != nil:
		status, code = http.StatusConflict, "BlobAlreadyExists"
	case r.Header.Get("If-Match") != "" && (blob == nil || r.Header.Get("If-Match") != blob.etag):
		status, code = http.StatusPreconditionFailed, "ConditionNotMet"
	default:
		status = http.StatusCreated
		blob = &storedBlob{body: body, metadata: metadataOf(r.Header)}
		s.put(r.URL.Path, blob)
	}
	if !noted {
		s.requests = append(s.requests, storageRequest{r.Method, r.URL.Path, strconv.Itoa(status)})
	}
	if code != "" {
		fail(w, status, code)
		return
	}
	w.Header().Set("ETag", blob.etag)
	if r.Method == http.MethodGet {
		maps.Copy(w.Header(), blob.metadata)
		w.Header().Set("Content-Length", strconv.Itoa(len(blob.body)))
		_, _ = w.Write(blob.body) // the client may have gone
		return
	}
	w.WriteHeader(status)
}

func fail(w http.ResponseWriter, status int, code string) {
	if code != "" {
		w.Header().Set("x-ms-error-code", code)
	}
	w.WriteHeader(status)
}

func metadataOf(header http.Header) http.Header {
	metadata := make(http.Header)
	for name, values := range header {
		if strings.HasPrefix(name, metadataPrefix) {
			metadata[name] = values
		}
	}
	return metadata
}

const metadataPrefix = "X-Ms-Meta-"

// put stores a blob under a new ETag. The caller holds the lock.
func (s *storage) put(path string, blob *storedBlob) {
	s.versions++
	blob.etag = fmt.Sprintf(`"0x%d"`, s.versions)
	s.blobs[path] = blob
}

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
	requests := s.requests
	s.requests = nil
	return requests
}

// behave changes how requests of a method are answered. Nil: as usual.
func (s *storage) behave(method string, rule *storageRule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rule == nil {
		delete(s.rules, method)
	} else {
		s.rules[method] = rule
	}
}

// release answers what is held, and holds no more.
func (s *storage) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.rules, func(_ string, rule *storageRule) bool { return rule.answer == "hold" })
	close(s.released)
	s.released = make(chan struct{})
}

// aside runs f as if there were no rules, and forgets the requests of it.
func (s *storage) aside(f func() error) error {
	s.mu.Lock()
	rules, requests := s.rules, s.requests
	s.rules = make(map[string]*storageRule)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.rules, s.requests = rules, requests
	}()
	return f()
}

// names are the paths of all blobs below a path.
func (s *storage) names(below string) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path := range s.blobs {
		if name, ok := strings.CutPrefix(path, below); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// describe makes a blob's metadata fit its body.
func (b *storedBlob) describe() {
	digest := sha256.Sum256(b.body)
	b.metadata.Set(metadataPrefix+"Length", strconv.Itoa(len(b.body)))
	b.metadata.Set(metadataPrefix+"Sha256", hex.EncodeToString(digest[:]))
	b.metadata.Set(metadataPrefix+"Format", cmp.Or(b.metadata.Get(metadataPrefix+"Format"), "1"))
}

// damage changes what is stored under a hash.
func (s *storage) damage(hash, kind, argument, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, blob := s.find(hash)
	if blob == nil {
		return fmt.Errorf("nothing is stored under %s", hash)
	}
	changed := &storedBlob{body: slices.Clone(blob.body), metadata: blob.metadata.Clone()}
	switch kind {
	case "truncate":
		changed.body = changed.body[:len(changed.body)-1]
	case "append":
		changed.body = append(changed.body, 0)
	case "flip":
		changed.body[len(changed.body)/2] ^= 1
	case "content":
		changed.body = []byte(text)
	case "describe":
		changed.describe()
	case "remove":
		delete(s.blobs, path)
		return nil
	case "as":
		_, other := s.find(argument)
		if other == nil {
			return fmt.Errorf("nothing is stored under %s", argument)
		}
		changed = &storedBlob{body: other.body, metadata: other.metadata}
	case "metadata":
		name, value, _ := strings.Cut(argument, "=")
		changed.metadata.Del(metadataPrefix + name)
		if value != "" {
			changed.metadata.Set(metadataPrefix+name, value)
		}
	default:
		return fmt.Errorf("there is no damage %q", kind)
	}
	s.put(path, changed)
	return nil
}

// find returns the blob of a hash, whatever prefix and scope it has.
func (s *storage) find(hash string) (path string, blob *storedBlob) {
	for path, blob := range s.blobs {
		if strings.HasSuffix(path, "/"+hash) {
			return path, blob
		}
	}
	return "", nil
}
