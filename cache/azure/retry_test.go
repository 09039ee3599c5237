package azure_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A broken part is requested again from where it broke, and no other bytes are.
func TestBrokenPartIsRetried(t *testing.T) {
	content := random(25000)
	for _, part := range []int{0, 1000, 1300, 2500, 24700} {
		for _, breaks := range []int{1, 2} {
			t.Run(fmt.Sprintf("%d times at %d", breaks, part), func(t *testing.T) {
				var broken atomic.Int64
				s := newBlobServer(t, content, func(a *rangeRequest) bool {
					if a.from < part || a.from >= part+100*breaks {
						return false
					}
					broken.Add(1)
					a.breakAfter(t, content, 100)
					return true
				})
				got, err := get(t, s.inRanges(t, small, generous), "a")
				if err != nil || got != content {
					t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
				}
				if got, want := len(s.seen()), countParts(len(content), small)+breaks; got != want || broken.Load() != int64(breaks) {
					t.Errorf("got %d requests, %d broken, want %d and %d", got, broken.Load(), want, breaks)
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

// Retries with too little progress end.
func TestPartThatBreaksEachTime(t *testing.T) {
	content := random(25000)
	for _, part := range []int{0, 1300} {
		for bytes, requests := range map[int]int{0: 3, 1: 9} {
			t.Run(fmt.Sprintf("after %d bytes at %d", bytes, part), func(t *testing.T) {
				var asked atomic.Int64
				s := newBlobServer(t, content, func(a *rangeRequest) bool {
					if a.from < part || a.from >= part+300 {
						return false
					}
					asked.Add(1)
					a.breakAfter(t, content, bytes)
					return true
				})
				got, err := get(t, s.inRanges(t, small, generous), "a")
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

// flush sends the bytes written so far.
func (a *rangeRequest) flush() { _ = http.NewResponseController(a.w).Flush() } // the client may have disconnected

// stall sends some bytes of the range, and then nothing until the client disconnects.
func (a *rangeRequest) stall(content string, bytes int) {
	a.begin(len(content))
	_, _ = io.WriteString(a.w, content[a.from:a.from+bytes])
	a.flush()
	<-a.r.Context().Done()
}

// A stalled part is requested on another connection, from where it stopped.
func TestPartThatStalls(t *testing.T) {
	content := random(25000)
	for _, part := range []int{0, 1300} {
		for _, stalls := range []int{1, 2} {
			t.Run(fmt.Sprintf("%d times at %d", stalls, part), func(t *testing.T) {
				t.Parallel()
				var stalled atomic.Int64
				s := newBlobServer(t, content, func(a *rangeRequest) bool {
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

// A part that stalls again after each retry uses up the limit.
func TestPartThatStallsEachTime(t *testing.T) {
	content := random(25000)
	for _, part := range []int{0, 1300} {
		t.Run(fmt.Sprint("at ", part), func(t *testing.T) {
			t.Parallel()
			s := newBlobServer(t, content, func(a *rangeRequest) bool {
				if a.from < part || a.from >= part+300 {
					return false
				}
				a.stall(content, 10)
				return true
			})
			got, err := get(t, s.inRanges(t, small, short), "a")
			checkLimit(t, err, "no data was transferred", "stall")
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
			s := newBlobServer(t, content, func(a *rangeRequest) bool {
				if _, again := refused.LoadOrStore(a.from, true); again || !a.isLater() {
					return false
				}
				a.w.Header().Set("x-ms-retry-after-ms", "1")
				fail(a.w, status, "ServerBusy")
				return true
			})
			got, err := get(t, s.inRanges(t, small, generous), "a")
			if err != nil || got != content {
				t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
			}
			if got, want := len(s.seen()), 2*countParts(len(content), small)-1; got != want {
				t.Errorf("got %d requests, want %d", got, want)
			}
		})
	}
}

// The error of a part is returned where its bytes would be.
func TestPartThatCannotBeRead(t *testing.T) {
	content := random(5000)
	const at = 1900
	refuse := func(status int, code string) func(*rangeRequest) {
		return func(a *rangeRequest) { fail(a.w, status, code) }
	}
	header := func(name, value string) func(*rangeRequest) {
		return func(a *rangeRequest) {
			w := a.w
			a.w = &overriding{w, name, value}
			a.begin(len(content))
			_, _ = io.WriteString(a.w, content[a.from:a.to])
		}
	}
	for name, test := range map[string]struct {
		answer func(*rangeRequest)
		want   outcome
		text   string
	}{
		"another blob has replaced it": {refuse(412, "ConditionNotMet"), notFound, ""},
		"the blob is gone":             {refuse(404, "BlobNotFound"), notFound, ""},
		"the permission is gone":       {refuse(403, "AuthenticationFailed"), configError, "403"},
		"the container is gone":        {refuse(404, "ContainerNotFound"), configError, "does not exist"},
		"the range is gone":            {refuse(416, "InvalidRange"), plain, "416"},
		"other bytes":                  {header("Content-Range", "bytes 1901-2200/5000"), plain, "requested bytes"},
		"fewer bytes than declared":    {header("Content-Range", "bytes 1900-2299/5000"), plain, "requested bytes"},
		"a blob of another size":       {header("Content-Range", "bytes 1900-2199/5001"), plain, "requested bytes"},
		"bytes without an ETag":        {header("Content-Range", "bytes 1900-2199/*"), plain, "requested bytes"},
		"the bytes of another blob":    {header("ETag", `"0x8E"`), plain, "requested bytes"},
		"the whole blob": {func(a *rangeRequest) {
			a.w.Header().Set("ETag", blobTag)
			_, _ = io.WriteString(a.w, content)
		}, plain, "requested bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newBlobServer(t, content, func(a *rangeRequest) bool {
				if a.from != at {
					return false
				}
				test.answer(a)
				return true
			})
			got, err := get(t, s.inRanges(t, small, generous), "a")
			if outcomeOf(err) != test.want || !strings.Contains(fmt.Sprint(err), test.text) {
				t.Errorf("got %s (%v), want %s with %q", outcomeOf(err), err, test.want, test.text)
			}
			if got != content[:at] {
				t.Errorf("got %d bytes before the error, want %d", len(got), at)
			}
		})
	}
}
