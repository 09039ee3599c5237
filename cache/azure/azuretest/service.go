package azuretest

import (
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// Options of a [Service].
type Options struct {
	// Account is the name of the account; the default is the emulator's.
	Account string
	// Containers exist from the beginning. Requests can create others.
	Containers []string
	// Requests is how many requests are remembered at least; 0 means none.
	Requests int
}

// Account is the default account of a [Service].
const Account = "devstoreaccount1"

// Service is a Blob service, an [http.Handler].
type Service struct {
	faults.Network
	Traffic
	account  string
	store    store
	requests requestLog
	rights   rights
	faults   faults.Rules
	throttle throttle
	ids      atomic.Uint64
}

// New returns a service without blobs.
func New(options Options) *Service {
	s := &Service{account: options.Account, requests: requestLog{keep: options.Requests}}
	if s.account == "" {
		s.account = Account
	}
	for _, name := range options.Containers {
		s.CreateContainer(name)
	}
	return s
}

// Start serves the service on a free port of 127.0.0.1.
func (s *Service) Start() (*Server, error) { return Start(0, &s.Network, s) }

// ConnectionString returns a connection string for the service at a URL, with the
// emulator's key, which Microsoft has published.
func (s *Service) ConnectionString(serviceURL string) string {
	return "DefaultEndpointsProtocol=http;AccountName=" + s.account + ";AccountKey=" +
		"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;" +
		"BlobEndpoint=" + serviceURL + "/" + s.account
}

// Stats returns the counts of the service.
func (s *Service) Stats() Stats {
	stats := s.Counts()
	stats.Blobs, stats.BytesStored = s.store.size()
	return stats
}

// Reset removes all blobs, requests and counts. It keeps containers, permissions, faults
// and the network.
func (s *Service) Reset() {
	s.store.clear()
	s.requests.take()
	s.ResetCounts()
}

// call is one request.
type call struct {
	service         *Service
	w               http.ResponseWriter
	r               *http.Request
	id              string
	container, name string // of the request; or ""
	query           url.Values
	body            []byte
	caller          Caller
	note            *Request
}

// ServeHTTP implements [http.Handler].
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{service: s, w: w, r: r, id: requestID(s.ids.Add(1)), caller: callerOf(r)}
	if r.URL.RawQuery != "" {
		c.query = r.URL.Query()
	}
	known := c.locate()
	c.note = s.requests.add(r)
	rule := s.faults.Match(r.Method, c.name, rangeOf(r.Header))
	s.requests.fault(c.note, rule)
	if rule != nil && c.breakUpload(rule) || !c.receive() || !s.Delay(r.Context()) {
		return
	}
	if rule != nil && rule.Action == faults.Reset {
		c.reset()
		return
	}
	if rule != nil && rule.Action == faults.Hold && !rule.Wait(r.Context()) {
		return
	}
	a := c.decide(rule, known)
	s.requests.responded(c.note, a.status)
	sent := c.deliver(a, rule)
	s.Count(r, c.kind(a), int64(len(c.body)), sent)
}

// kind is the kind of a request, once it has a response.
func (c *call) kind(a response) Kind {
	switch {
	case a.stored:
		return Put
	case c.r.Method == http.MethodHead:
		return Head
	case c.r.Method == http.MethodGet && c.name != "":
		return Get
	default:
		return Other
	}
}

// requestID looks like one of Azure's.
func requestID(n uint64) string {
	digits := "00000000000" + strconv.FormatUint(n, 16)
	return "00000000-001e-0000-0000-" + digits[len(digits)-12:]
}

// locate finds the container and blob of a request. It returns false for another account.
func (c *call) locate() bool {
	rest, ok := strings.CutPrefix(c.r.URL.Path, "/"+c.service.account)
	if !ok || rest != "" && rest[0] != '/' {
		return false
	}
	c.container, c.name, _ = strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	return true
}

// maxPutBlob and maxBlock limit the body of a request
// (learn.microsoft.com/azure/storage/blobs/scalability-targets).
const (
	maxPutBlob = 5000 << 20
	maxBlock   = 4000 << 20
)

// receive reads the body. It returns false if the client has broken off.
func (c *call) receive() bool {
	length := c.r.ContentLength
	if length < 0 || length > maxPutBlob {
		// It is refused for its length; the client learns that after sending it.
		_, err := io.Copy(io.Discard, c.r.Body)
		return err == nil
	}
	if length == 0 {
		return true
	}
	c.body = make([]byte, length)
	if _, err := io.ReadFull(c.r.Body, c.body); err != nil {
		c.abort()
		return false
	}
	return true
}

// decide returns the response of a fault or of the service.
func (c *call) decide(rule *faults.Rule, known bool) response {
	switch {
	case rule != nil && rule.Action == faults.Fail:
		a := failure(rule.Status, rule.Code)
		a.header = retryAfter(rule.RetryAfter)
		return a
	case !known:
		return failure(http.StatusNotFound, "ResourceNotFound")
	}
	if a, busy := c.service.throttle.refuse(time.Now()); busy {
		return a
	}
	return c.response()
}

// deliver sends a response, or as much of it as a fault allows.
func (c *call) deliver(a response, rule *faults.Rule) (sent int64) {
	switch {
	case rule != nil && rule.Action == faults.Lose:
		c.reset()
		return 0
	case rule == nil || !rule.BreaksBody() || a.length <= rule.After || c.r.Method == http.MethodHead:
		return c.send(a, math.MaxInt64)
	}
	sent = c.send(a, rule.After)
	_ = http.NewResponseController(c.w).Flush() // the client may have gone
	c.breakOff(rule)
	return sent
}

// response performs the request.
func (c *call) response() response {
	if length := c.r.ContentLength; length < 0 && c.r.Method == http.MethodPut {
		return failure(http.StatusLengthRequired, "MissingContentLengthHeader")
	} else if length > maxPutBlob {
		return failure(http.StatusRequestEntityTooLarge, "RequestBodyTooLarge")
	}
	for _, name := range unsupported {
		if c.r.Header.Get(name) != "" {
			return notImplemented
		}
	}
	switch {
	case c.container == "":
		return notImplemented
	case c.name == "":
		return c.onContainer()
	default:
		return c.onBlob()
	}
}

// unsupported are headers that would change a request. (azblob can send a structured
// body.)
var unsupported = []string{
	"x-ms-access-tier", "x-ms-copy-source", "x-ms-encryption-key", "x-ms-immutability-policy-mode", "x-ms-lease-id",
	"x-ms-legal-hold", "x-ms-structured-body", "x-ms-tags",
}

func (c *call) onContainer() response {
	comp := c.query.Get("comp")
	switch {
	case c.query.Get("restype") != "container":
		return notImplemented
	case comp == "list" && c.r.Method == http.MethodGet:
		return c.list()
	case comp != "":
		return notImplemented
	case c.r.Method == http.MethodPut:
		return c.createContainer()
	case c.r.Method == http.MethodGet || c.r.Method == http.MethodHead:
		return c.containerProperties()
	default:
		return notImplemented
	}
}

func (c *call) onBlob() response {
	comp := c.query.Get("comp")
	switch {
	case c.query.Has("snapshot") || c.query.Has("versionid"):
		return notImplemented
	case comp == "block" && c.r.Method == http.MethodPut:
		return c.putBlock()
	case comp == "blocklist" && c.r.Method == http.MethodPut:
		return c.putBlockList()
	case comp != "":
		return notImplemented
	case c.r.Method == http.MethodGet || c.r.Method == http.MethodHead:
		return c.getBlob()
	case c.r.Method == http.MethodPut:
		return c.putBlob()
	case c.r.Method == http.MethodDelete:
		return c.deleteBlob()
	default:
		return failure(http.StatusMethodNotAllowed, "UnsupportedHttpVerb")
	}
}
