package azure_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// benchSize is the size of a large result.
const benchSize = 200_000_000

// benchServer accepts every put and returns ranges of content as Azure does. It costs as
// little as possible, because it runs in the same process.
func benchServer(b *testing.B, secure bool, content []byte) *azure.Container {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", blobTag)
		if r.Method == http.MethodPut {
			_, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{r.Body}, make([]byte, 256<<10)) // the client reports missing bytes
			w.WriteHeader(http.StatusCreated)
			return
		}
		var from, last int
		if _, err := fmt.Sscanf(r.Header.Get("x-ms-range"), "bytes=%d-%d", &from, &last); err != nil {
			b.Error(err)
		}
		end := min(last+1, len(content))
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, end-1, len(content)))
		w.Header().Set("Content-Length", strconv.Itoa(end-from))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(content[from:end])
	}))
	b.Cleanup(server.Close)
	options := azure.Options{Container: "results"}
	trusts := variables{}
	if secure {
		server.StartTLS()
		trusts["SSL_CERT_FILE"] = pemFile(b, b.TempDir(), server)
		options.Endpoint, options.Credential = server.URL, validFor(1<<62)
	} else {
		server.Start()
		options.ConnectionString = endpoint.Secret(connectionString(server.URL))
	}
	client := transport.New(transport.DefaultLimits, environment(b, trusts))
	b.Cleanup(client.CloseIdleConnections)
	options.Transport = client
	container, err := azure.Open(options)
	if err != nil {
		b.Fatal(err)
	}
	return container
}

func BenchmarkPut(b *testing.B) {
	content := []byte(random(benchSize))
	path := filepath.Join(b.TempDir(), "spool")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, secure := range []bool{false, true} {
		for name, body := range map[string]io.ReadSeeker{"file": file, "memory": bytes.NewReader(content)} {
			b.Run(fmt.Sprintf("%s/TLS=%t", name, secure), func(b *testing.B) {
				c := benchServer(b, secure, nil)
				b.SetBytes(benchSize)
				b.ReportAllocs()
				for b.Loop() {
					if err := c.Put(b.Context(), "a", body, cache.Metadata{"format": "1"}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkGet(b *testing.B) {
	content := []byte(random(benchSize))
	for _, secure := range []bool{false, true} {
		for _, size := range []int{20_000, 4 << 20, benchSize} {
			b.Run(fmt.Sprintf("%d/TLS=%t", size, secure), func(b *testing.B) {
				c := benchServer(b, secure, content[:size])
				buffer := make([]byte, 64<<10)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					blob, err := c.Get(b.Context(), "a")
					if err != nil {
						b.Fatal(err)
					}
					if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, blob.Body, buffer); err != nil || n != int64(size) {
						b.Fatalf("got %d bytes, %v", n, err)
					}
					_ = blob.Body.Close()
				}
			})
		}
	}
}
