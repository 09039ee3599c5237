package azure_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// rangeRequest is a request for a range of a blob.
type rangeRequest struct {
	n        int // of the request
	from, to int
	w        http.ResponseWriter
	r        *http.Request
}

// isLater reports whether the range is not the first one.
func (a *rangeRequest) isLater() bool { return a.r.Header.Get("If-Match") != "" }

// begin sends the response header for the range, of a blob of some size.
func (a *rangeRequest) begin(size int) {
	a.w.Header().Set("ETag", blobTag)
	a.w.Header().Set("x-ms-meta-sha256", "abc")
	a.w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a.from, a.to-1, size))
	a.w.Header().Set("Content-Length", fmt.Sprint(a.to-a.from))
	a.w.WriteHeader(http.StatusPartialContent)
}

// breakAfter sends some bytes of the range and closes the connection.
func (a *rangeRequest) breakAfter(t *testing.T, content string, bytes int) {
	a.begin(len(content))
	_, _ = io.WriteString(a.w, content[a.from:a.from+bytes])
	_ = http.NewResponseController(a.w).Flush()
	hangUp(t, a.w)
}

// newBlobServer serves ranges of one blob under all names, as Azure does. A fault that
// returns true has responded instead.
func newBlobServer(t *testing.T, content string, fault func(a *rangeRequest) bool) *server {
	t.Helper()
	return newServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
		a := &rangeRequest{n, 0, len(content), w, r}
		_, err := fmt.Sscanf(r.Header.Get("x-ms-range"), "bytes=%d-%d", &a.from, &a.to)
		ranged := err == nil
		if ranged {
			a.to = min(a.to+1, len(content))
		}
		switch match := r.Header.Get("If-Match"); {
		case fault != nil && fault(a):
		case match != "" && match != blobTag:
			fail(w, http.StatusPreconditionFailed, "ConditionNotMet")
		case ranged && a.from >= len(content):
			fail(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		case ranged:
			a.begin(len(content))
			_, _ = io.WriteString(w, content[a.from:a.to]) // the client may have disconnected
		default:
			w.Header().Set("ETag", blobTag)
			w.Header().Set("x-ms-meta-sha256", "abc")
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = io.WriteString(w, content)
		}
	})
}

// inRanges opens the container "results" of a server, with the given ranges.
func (s *server) inRanges(t *testing.T, ranges download.Ranges, limits transport.Limits) *azure.Container {
	t.Helper()
	client := transport.New(limits, transport.Environment{})
	t.Cleanup(client.CloseIdleConnections)
	return open(t, azure.Options{
		Container: "results", ConnectionString: endpoint.Secret(connectionString(s.URL)), Limits: limits, Transport: client, Ranges: ranges,
	})
}

// random returns content in which no two parts are equal.
func random(size int) string {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content) // never fails
	return string(content)
}

// countParts returns how many requests a blob takes.
func countParts(size int, ranges download.Ranges) int {
	return 1 + max(0, (size-int(ranges.First)+int(ranges.Part)-1)/int(ranges.Part))
}

// overriding replaces one field of a header.
type overriding struct {
	http.ResponseWriter
	name, value string
}

func (o *overriding) WriteHeader(status int) {
	o.Header().Set(o.name, o.value)
	o.ResponseWriter.WriteHeader(status)
}
