package azure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// small are ranges that make many parts of little.
var small = download.Ranges{First: 1000, Part: 300, Ahead: 4, Buffers: 6}

const blobTag = `"0x8D"`

// ask is a request for a range of a blob.
type ask struct {
	n        int // of the request
	from, to int
	w        http.ResponseWriter
	r        *http.Request
}

// later reports whether it asks for what is behind the first range.
func (a *ask) later() bool { return a.r.Header.Get("If-Match") != "" }

// begin answers a range with its header, that of a blob of some size.
func (a *ask) begin(size int) {
	a.w.Header().Set("ETag", blobTag)
	a.w.Header().Set("x-ms-meta-sha256", "abc")
	a.w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a.from, a.to-1, size))
	a.w.Header().Set("Content-Length", fmt.Sprint(a.to-a.from))
	a.w.WriteHeader(http.StatusPartialContent)
}

// breakAfter answers with some bytes of what was asked for, and hangs up.
func (a *ask) breakAfter(t *testing.T, content string, bytes int) {
	a.begin(len(content))
	_, _ = io.WriteString(a.w, content[a.from:a.from+bytes])
	_ = http.NewResponseController(a.w).Flush()
	hangUp(t, a.w)
}

// newBlobServer serves one blob under all names, ranges of it as Azure does. A
// fault that returns true has answered in its place.
func newBlobServer(t *testing.T, content string, fault func(a *ask) bool) *server {
	t.Helper()
	return newServer(t, func(n int, w http.ResponseWriter, r *http.Request) {
		a := &ask{n, 0, len(content), w, r}
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
			_, _ = io.WriteString(w, content[a.from:a.to]) // the client may have gone
		default:
			w.Header().Set("ETag", blobTag)
			w.Header().Set("x-ms-meta-sha256", "abc")
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = io.WriteString(w, content)
		}
	})
}

// inRanges opens the container "results" of a server.
func (s *server) inRanges(t *testing.T, ranges download.Ranges, limits transport.Limits) *azure.Container {
	t.Helper()
	client := transport.New(limits, transport.Environment{})
	t.Cleanup(client.CloseIdleConnections)
	return open(t, azure.Options{
		Container: "results", ConnectionString: endpoint.Secret(connectionString(s.URL)), Limits: limits, Transport: client, Ranges: ranges,
	})
}

// random is content that looks different everywhere.
func random(size int) string {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content) // never fails
	return string(content)
}

// countParts is how many requests a blob takes.
func countParts(size int, ranges download.Ranges) int {
	return 1 + max(0, (size-int(ranges.First)+int(ranges.Part)-1)/int(ranges.Part))
}

func TestSizesAroundEachBoundary(t *testing.T) {
	for _, size := range []int{1, 999, 1000, 1001, 1299, 1300, 1301, 1599, 1600, 1601, 2200, 2201, 25000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			content := random(size)
			s := newBlobServer(t, content, nil)
			blob, err := s.inRanges(t, small, ample).Get(t.Context(), "team/v1/shared/123")
			if err != nil {
				t.Fatal(err)
			}
			if blob.Size != int64(size) || blob.ETag != blobTag || blob.Metadata["sha256"] != "abc" {
				t.Errorf("got size %d, ETag %s and metadata %v", blob.Size, blob.ETag, blob.Metadata)
			}
			if err := iotest.TestReader(blob.Body, []byte(content)); err != nil {
				t.Error(err)
			}
			if err := blob.Body.Close(); err != nil {
				t.Error(err)
			}
			requests := s.seen()
			if want := countParts(size, small); len(requests) != want {
				t.Errorf("got %d requests, want %d", len(requests), want)
			}
			asked := make(map[string]bool)
			for i, r := range requests {
				match := ""
				if i > 0 {
					match = blobTag
				}
				if got := r.header.Get("If-Match"); got != match {
					t.Errorf("request %d: got If-Match %q, want %q", i, got, match)
				}
				asked[r.header.Get("x-ms-range")] = true
			}
			if len(asked) != len(requests) || !asked["bytes=0-999"] {
				t.Errorf("got the ranges %v, want each of them once", asked)
			}
		})
	}
}

// Azure has no range of an empty blob to give: 416.
func TestEmptyBlob(t *testing.T) {
	s := newBlobServer(t, "", nil)
	blob, err := s.inRanges(t, small, ample).Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blob.Body.Close() }()
	content, err := io.ReadAll(blob.Body)
	if err != nil || len(content) != 0 || blob.Size != 0 || blob.ETag != blobTag || blob.Metadata["sha256"] != "abc" {
		t.Errorf("got %q, %v, size %d, ETag %s and metadata %v", content, err, blob.Size, blob.ETag, blob.Metadata)
	}
	if got := len(s.seen()); got != 2 {
		t.Errorf("got %d requests, want 2", got)
	}
}

// A proxy may not know of ranges.
func TestStorageThatGivesNoRanges(t *testing.T) {
	content := random(5000)
	for _, length := range []bool{true, false} {
		t.Run(fmt.Sprintf("with its length %t", length), func(t *testing.T) {
			s := newBlobServer(t, content, func(a *ask) bool {
				a.w.Header().Set("ETag", blobTag)
				if length {
					a.w.Header().Set("Content-Length", fmt.Sprint(len(content)))
				}
				_, _ = io.WriteString(a.w, content)
				return true
			})
			got, err := get(t, s.inRanges(t, small, ample), "a")
			if err != nil || got != content {
				t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
			}
			if got := len(s.seen()); got != 1 {
				t.Errorf("got %d requests, want 1", got)
			}
		})
	}
}

// Bodies may wait for their turn: only who is read asks for more.
func TestPartsAreAskedForOnceTheBodyIsRead(t *testing.T) {
	content := random(25000)
	asked := make(chan string, 1000)
	s := newBlobServer(t, content, func(a *ask) bool {
		asked <- a.r.Header.Get("x-ms-range")
		return false
	})
	blob, err := s.inRanges(t, small, ample).Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blob.Body.Close() }()
	<-asked
	if got := len(s.seen()); got != 1 {
		t.Errorf("got %d requests before the body is read, want 1", got)
	}
	if _, err := io.ReadFull(blob.Body, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for range small.Ahead { // or this hangs
		<-asked
	}
	if got := len(s.seen()); got != 1+small.Ahead {
		t.Errorf("got %d requests when one byte is read, want %d", got, 1+small.Ahead)
	}
}

// What breaks is asked for again from where it broke, and nothing else is.
func TestPartThatBreaksIsTakenUpAgain(t *testing.T) {
	content := random(25000)
	for _, part := range []int{0, 1000, 1300, 2500, 24700} {
		for _, breaks := range []int{1, 2} {
			t.Run(fmt.Sprintf("%d times at %d", breaks, part), func(t *testing.T) {
				var broken atomic.Int64
				s := newBlobServer(t, content, func(a *ask) bool {
					if a.from < part || a.from >= part+100*breaks {
						return false
					}
					broken.Add(1)
					a.breakAfter(t, content, 100)
					return true
				})
				got, err := get(t, s.inRanges(t, small, ample), "a")
				if err != nil || got != content {
					t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
				}
				if got, want := len(s.seen()), countParts(len(content), small)+breaks; got != want || broken.Load() != int64(breaks) {
					t.Errorf("got %d requests, %d of which broke, want %d and %d", got, broken.Load(), want, breaks)
				}
				for _, r := range s.seen()[1:] {
					if got := r.header.Get("If-Match"); got != blobTag {
						t.Errorf("got If-Match %q for %s, want %q", got, r.header.Get("x-ms-range"), blobTag)
					}
				}
			})
		}
	}
}

// A connection that gains a few bytes each time, or none, gains nothing.
func TestPartThatBreaksEachTime(t *testing.T) {
	content := random(25000)
	for _, part := range []int{0, 1300} {
		for bytes, requests := range map[int]int{0: 3, 1: 9} {
			t.Run(fmt.Sprintf("after %d bytes at %d", bytes, part), func(t *testing.T) {
				var asked atomic.Int64
				s := newBlobServer(t, content, func(a *ask) bool {
					if a.from < part || a.from >= part+300 {
						return false
					}
					asked.Add(1)
					a.breakAfter(t, content, bytes)
					return true
				})
				got, err := get(t, s.inRanges(t, small, ample), "a")
				if outcomeOf(err) != plain || !strings.HasSuffix(fmt.Sprint(err), "/a: unexpected EOF") {
					t.Errorf("got %v, want an unexpected EOF", err)
				}
				if want := content[:part+bytes*requests]; got != want {
					t.Errorf("got %d bytes before the error, want %d", len(got), len(want))
				}
				if asked.Load() != int64(requests) {
					t.Errorf("got %d requests, want %d", asked.Load(), requests)
				}
			})
		}
	}
}

// flush sends what is written so far.
func (a *ask) flush() { _ = http.NewResponseController(a.w).Flush() } // the client may have gone

// stall sends some bytes of what was asked for and then nothing, until the
// client goes.
func (a *ask) stall(content string, bytes int) {
	a.begin(len(content))
	_, _ = io.WriteString(a.w, content[a.from:a.from+bytes])
	a.flush()
	<-a.r.Context().Done()
}

// What is quiet is asked for on another connection, from where it stopped.
func TestPartThatStalls(t *testing.T) {
	content := random(25000)
	for _, part := range []int{0, 1300} {
		for _, stalls := range []int{1, 2} {
			t.Run(fmt.Sprintf("%d times at %d", stalls, part), func(t *testing.T) {
				t.Parallel()
				var stalled atomic.Int64
				s := newBlobServer(t, content, func(a *ask) bool {
					if a.from < part || a.from >= part+100*stalls {
						return false
					}
					stalled.Add(1)
					a.stall(content, 100)
					return true
				})
				begin := time.Now()
				got, err := get(t, s.inRanges(t, small, ample), "a")
				if err != nil || got != content {
					t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
				}
				if took := time.Since(begin); took > ample.Stall || stalled.Load() != int64(stalls) {
					t.Errorf("got %d stalls in %s, want %d in less than a limit", stalled.Load(), took, stalls)
				}
			})
		}
	}
}

// A connection that brings some bytes and stalls, each time, uses up the limit.
func TestPartThatStallsEachTime(t *testing.T) {
	content := random(25000)
	for _, part := range []int{0, 1300} {
		t.Run(fmt.Sprint("at ", part), func(t *testing.T) {
			t.Parallel()
			s := newBlobServer(t, content, func(a *ask) bool {
				if a.from < part || a.from >= part+300 {
					return false
				}
				a.stall(content, 10)
				return true
			})
			got, err := get(t, s.inRanges(t, small, short), "a")
			checkLimit(t, err, "no byte has moved", "stall")
			if got != content[:len(got)] || len(got) < part || len(got) >= part+300 {
				t.Errorf("got %d bytes, want those before the stalls", len(got))
			}
		})
	}
}

func TestPartThatIsRefusedFirst(t *testing.T) {
	content := random(5000)
	for _, status := range []int{500, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			var refused sync.Map
			s := newBlobServer(t, content, func(a *ask) bool {
				if _, again := refused.LoadOrStore(a.from, true); again || !a.later() {
					return false
				}
				a.w.Header().Set("x-ms-retry-after-ms", "1")
				fail(a.w, status, "ServerBusy")
				return true
			})
			got, err := get(t, s.inRanges(t, small, ample), "a")
			if err != nil || got != content {
				t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
			}
			if got, want := len(s.seen()), 2*countParts(len(content), small)-1; got != want {
				t.Errorf("got %d requests, want %d", got, want)
			}
		})
	}
}

// What is wrong with a part is told where its bytes would be.
func TestPartThatCannotBeHad(t *testing.T) {
	content := random(5000)
	const at = 1900
	refuse := func(status int, code string) func(*ask) {
		return func(a *ask) { fail(a.w, status, code) }
	}
	header := func(name, value string) func(*ask) {
		return func(a *ask) {
			w := a.w
			a.w = &overriding{w, name, value}
			a.begin(len(content))
			_, _ = io.WriteString(a.w, content[a.from:a.to])
		}
	}
	for name, test := range map[string]struct {
		answer func(*ask)
		want   outcome
		text   string
	}{
		"another blob is there now": {refuse(412, "ConditionNotMet"), notFound, ""},
		"the blob is gone":          {refuse(404, "BlobNotFound"), notFound, ""},
		"the rights are gone":       {refuse(403, "AuthenticationFailed"), configError, "403"},
		"the container is gone":     {refuse(404, "ContainerNotFound"), configError, "does not exist"},
		"the range is gone":         {refuse(416, "InvalidRange"), plain, "416"},
		"other bytes":               {header("Content-Range", "bytes 1901-2200/5000"), plain, "other bytes"},
		"fewer bytes than it says":  {header("Content-Range", "bytes 1900-2299/5000"), plain, "other bytes"},
		"a blob of another size":    {header("Content-Range", "bytes 1900-2199/5001"), plain, "other bytes"},
		"bytes of no blob":          {header("Content-Range", "bytes 1900-2199/*"), plain, "other bytes"},
		"the bytes of another blob": {header("ETag", `"0x8E"`), plain, "other bytes"},
		"the whole blob": {func(a *ask) {
			a.w.Header().Set("ETag", blobTag)
			_, _ = io.WriteString(a.w, content)
		}, plain, "other bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newBlobServer(t, content, func(a *ask) bool {
				if a.from != at {
					return false
				}
				test.answer(a)
				return true
			})
			got, err := get(t, s.inRanges(t, small, ample), "a")
			if outcomeOf(err) != test.want || !strings.Contains(fmt.Sprint(err), test.text) {
				t.Errorf("got %s (%v), want %s with %q", outcomeOf(err), err, test.want, test.text)
			}
			if got != content[:at] {
				t.Errorf("got %d bytes before the error, want %d", len(got), at)
			}
		})
	}
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

// A storage may give less than it was asked for, if it says so.
func TestShortAnswers(t *testing.T) {
	content := random(5000)
	s := newBlobServer(t, content, func(a *ask) bool {
		a.to = min(a.to, a.from+100)
		a.begin(len(content))
		_, _ = io.WriteString(a.w, content[a.from:a.to])
		return true
	})
	got, err := get(t, s.inRanges(t, small, ample), "a")
	if err != nil || got != content {
		t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
	}
}

// What comes behind a range belongs to nobody.
func TestLongAnswers(t *testing.T) {
	content := random(5000)
	s := newBlobServer(t, content, func(a *ask) bool {
		a.w = &overriding{a.w, "Content-Length", ""}
		a.w.Header().Set("Transfer-Encoding", "chunked")
		a.begin(len(content))
		_, _ = io.WriteString(a.w, content[a.from:a.to]+"and more")
		return true
	})
	got, err := get(t, s.inRanges(t, small, ample), "a")
	if err != nil || got != content {
		t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
	}
}

// openAll opens some blobs, and reads a byte of each.
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

// However many are read, no more parts wait in memory than there are buffers;
// and nobody waits for a buffer, whoever is read first.
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
		"half of them, the others are given up": func(t *testing.T, bodies []io.ReadCloser) {
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
			s := newBlobServer(t, content, func(a *ask) bool {
				if a.later() && parts.Add(1) == int64(ranges.Buffers) {
					close(full)
				}
				return false
			})
			c := s.inRanges(t, ranges, ample)
			bodies := openAll(t, c, count)
			<-full
			if got := parts.Load(); got != int64(ranges.Buffers) {
				t.Errorf("got %d parts, want no more than the %d buffers", got, ranges.Buffers)
			}
			read(t, bodies)

			// All buffers are free again: one download may have as many as it wants.
			parts.Store(1000)
			last := openAll(t, c, 1)
			eventually(t, "a download alone asks for all it may", func() bool { return parts.Load() == 1000+int64(ranges.Ahead) })
			finish(t, last[0], content[1:])
		})
	}
}

// eventually waits for something that another goroutine does.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// Who comes later gets buffers when the others have used up theirs.
func TestBuffersAreShared(t *testing.T) {
	content := random(25000)
	var mu sync.Mutex
	asked := make(map[string]int) // parts, by blob
	s := newBlobServer(t, content, func(a *ask) bool {
		mu.Lock()
		defer mu.Unlock()
		if a.later() {
			asked[a.r.URL.Path[len("/account/results/"):]]++
		}
		return false
	})
	c := s.inRanges(t, download.Ranges{First: 1000, Part: 300, Ahead: 6, Buffers: 6}, ample)
	bodies := openAll(t, c, 2) // the first one takes all
	for range 20 {
		for _, body := range bodies {
			if _, err := io.CopyN(io.Discard, body, 300); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Both are in the 17th part now, which is one of their three.
	eventually(t, "both have asked for two parts ahead", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return asked["0"] >= 19 && asked["1"] >= 19
	})
	for _, body := range bodies {
		finish(t, body, content[1+20*300:])
	}
}

func TestCloseGivesUpWhatIsNotRead(t *testing.T) {
	content := random(25000)
	leavesNothing(t, func(t *testing.T) {
		s := newBlobServer(t, content, func(a *ask) bool {
			if a.later() {
				a.stall(content, 10)
			}
			return a.later()
		})
		c := s.inRanges(t, small, ample)
		for _, size := range []int{0, 1, 1000, 1005} {
			blob, err := c.Get(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, blob.Body, int64(size)); err != nil {
				t.Error(err)
			}
			for range 2 {
				if err := blob.Body.Close(); err != nil {
					t.Error(err)
				}
			}
			if n, err := blob.Body.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
				t.Errorf("got %d, %v from a closed body, want an error", n, err)
			}
		}
	})
}

// A buffer is somebody else's once Close has returned.
func TestCloseWaitsForWhoFillsBuffers(t *testing.T) {
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
			time.Sleep(step) // it is slow to end
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
		t.Errorf("got %d requests that have ended, want all %d", got, small.Ahead)
	}
}

// Whoever reads on another goroutine is not kept waiting.
func TestCloseWhileItIsRead(t *testing.T) {
	content := random(25000)
	for _, buffers := range []int{0, 6} {
		t.Run(fmt.Sprintf("with %d buffers", buffers), func(t *testing.T) {
			stalled := make(chan struct{}, 100)
			s := newBlobServer(t, content, func(a *ask) bool {
				if a.later() {
					stalled <- struct{}{}
					a.stall(content, 0)
				}
				return a.later()
			})
			ranges := small
			ranges.Buffers = buffers
			blob, err := s.inRanges(t, ranges, limits(time.Hour)).Get(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			read := make(chan error)
			go func() {
				_, err := io.Copy(io.Discard, blob.Body)
				read <- err
			}()
			<-stalled
			if err := blob.Body.Close(); err != nil {
				t.Error(err)
			}
			if err := <-read; err == nil || errors.Is(err, cache.ErrTimeLimit) {
				t.Errorf("got %v, want an error that says why", err)
			}
		})
	}
}

func TestCancelWhileTheBodyIsRead(t *testing.T) {
	content := random(25000)
	for _, buffers := range []int{0, 6} {
		t.Run(fmt.Sprintf("with %d buffers", buffers), func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			why := errors.New("why")
			s := newBlobServer(t, content, func(a *ask) bool {
				if a.later() {
					cancel(why)
				}
				return false
			})
			ranges := small
			ranges.Buffers = buffers
			blob, err := s.inRanges(t, ranges, limits(time.Hour)).Get(ctx, "a")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = blob.Body.Close() }()
			if _, err := io.Copy(io.Discard, blob.Body); !errors.Is(err, why) {
				t.Errorf("got %v, want %v", err, why)
			}
		})
	}
}

// A download is one request for a breaker, however many of its parts fail.
func TestBreakerCountsADownloadOnce(t *testing.T) {
	content := random(25000)
	s := newBlobServer(t, content, func(a *ask) bool {
		if a.later() {
			fail(a.w, http.StatusBadRequest, "InvalidHeaderValue")
		}
		return a.later()
	})
	blobs := cache.NewBreaker(s.inRanges(t, small, ample))
	for range 5 {
		if _, err := get(t, blobs, "a"); outcomeOf(err) != plain || errors.Is(err, cache.ErrOff) {
			t.Errorf("got %v, want the error of the storage", err)
		}
	}
	before := len(s.seen())
	if _, err := get(t, blobs, "a"); !errors.Is(err, cache.ErrOff) || len(s.seen()) != before {
		t.Errorf("got %v, want %v and no request", err, cache.ErrOff)
	}
}
