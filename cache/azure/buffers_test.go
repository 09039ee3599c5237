package azure_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// openAll opens some blobs, and reads one byte of each.
func openAll(t *testing.T, c *azure.Container, count int) []io.ReadCloser {
	t.Helper()
	bodies := make([]io.ReadCloser, count)
	for i := range bodies {
		blob, err := c.Get(t.Context(), fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		bodies[i] = blob.Body
		if _, err := io.ReadFull(blob.Body, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	return bodies
}

func finish(t *testing.T, body io.ReadCloser, want string) {
	t.Helper()
	got, err := io.ReadAll(body)
	if err != nil || string(got) != want {
		t.Errorf("got %d bytes more, %v; want the %d", len(got), err, len(want))
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
}

// In whatever order downloads are read, parts in memory never outnumber the buffers, and
// no download waits for a buffer.
func TestDownloadsShareTheBuffers(t *testing.T) {
	const count = 8
	ranges := download.Ranges{First: 64 << 10, Part: 64 << 10, Ahead: 6, Buffers: 8}
	content := random(40 * 64 << 10)
	for name, read := range map[string]func(t *testing.T, bodies []io.ReadCloser){
		"one after the other": func(t *testing.T, bodies []io.ReadCloser) {
			for _, body := range bodies {
				finish(t, body, content[1:])
			}
		},
		"the last one first": func(t *testing.T, bodies []io.ReadCloser) {
			for i := range bodies {
				finish(t, bodies[count-1-i], content[1:])
			}
		},
		"all at once": func(t *testing.T, bodies []io.ReadCloser) {
			together(count, func(i int) { finish(t, bodies[i], content[1:]) })
		},
		"half of them; the others are closed": func(t *testing.T, bodies []io.ReadCloser) {
			together(count, func(i int) {
				if i%2 == 0 {
					finish(t, bodies[i], content[1:])
				} else if _, err := io.CopyN(io.Discard, bodies[i], int64(len(content)/2)); err != nil {
					t.Error(err)
				} else if err := bodies[i].Close(); err != nil {
					t.Error(err)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var parts atomic.Int64
			full := make(chan struct{})
			s := newBlobServer(t, content, func(a *rangeRequest) bool {
				if a.isLater() && parts.Add(1) == int64(ranges.Buffers) {
					close(full)
				}
				return false
			})
			c := s.inRanges(t, ranges, generous)
			bodies := openAll(t, c, count)
			<-full
			if got := parts.Load(); got != int64(ranges.Buffers) {
				t.Errorf("got %d parts, want no more than the %d buffers", got, ranges.Buffers)
			}
			read(t, bodies)

			// All buffers are free again, so one download can use as many as it wants.
			parts.Store(1000)
			last := openAll(t, c, 1)
			eventually(t, "a download alone asks for all it may", func() bool { return parts.Load() == 1000+int64(ranges.Ahead) })
			finish(t, last[0], content[1:])
		})
	}
}

// eventually waits until another goroutine has made a condition true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(cachetest.Patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, cachetest.Patience)
		}
	}
}

// A later download gets buffers when earlier ones have read theirs.
func TestBuffersAreShared(t *testing.T) {
	content := random(25000)
	var mu sync.Mutex
	requested := make(map[string]int) // parts, by blob
	s := newBlobServer(t, content, func(a *rangeRequest) bool {
		mu.Lock()
		defer mu.Unlock()
		if a.isLater() {
			requested[a.r.URL.Path[len("/account/results/"):]]++
		}
		return false
	})
	c := s.inRanges(t, download.Ranges{First: 1000, Part: 300, Ahead: 6, Buffers: 6}, generous)
	bodies := openAll(t, c, 2) // the first download takes all buffers
	for range 20 {
		for _, body := range bodies {
			if _, err := io.CopyN(io.Discard, body, 300); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Both are now in the 17th part, which is one of their three.
	eventually(t, "both have asked for two parts ahead", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return requested["0"] >= 19 && requested["1"] >= 19
	})
	for _, body := range bodies {
		finish(t, body, content[1+20*300:])
	}
}

// After Close, another download may use the buffers.
func TestCloseWaitsForBuffersBeingFilled(t *testing.T) {
	content := random(25000)
	s := newBlobServer(t, content, nil)
	var began, ended atomic.Int64
	c := open(t, azure.Options{
		Container: "results", ConnectionString: endpoint.Secret(connectionString(s.URL)), Ranges: small,
		Transport: transporter(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("If-Match") == "" {
				return s.Client().Do(r)
			}
			began.Add(1)
			<-r.Context().Done()
			time.Sleep(step) // it ends slowly
			ended.Add(1)
			return nil, r.Context().Err()
		}),
	})
	body := openAll(t, c, 1)[0]
	eventually(t, "all parts are asked for", func() bool { return began.Load() == int64(small.Ahead) })
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	if got := ended.Load(); got != int64(small.Ahead) {
		t.Errorf("got %d ended requests, want all %d", got, small.Ahead)
	}
}
