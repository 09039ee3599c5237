package azure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
)

// small ranges split little content into many parts.
var small = download.Ranges{First: 1000, Part: 300, Ahead: 4, Buffers: 6}

const blobTag = `"0x8D"`

func TestSizesAroundEachBoundary(t *testing.T) {
	for _, size := range []int{1, 999, 1000, 1001, 1299, 1300, 1301, 1599, 1600, 1601, 2200, 2201, 25000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			content := random(size)
			s := newBlobServer(t, content, nil)
			blob, err := s.inRanges(t, small, generous).Get(t.Context(), "team/v1/shared/123")
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
			requested := make(map[string]bool)
			for i, r := range requests {
				match := ""
				if i > 0 {
					match = blobTag
				}
				if got := r.header.Get("If-Match"); got != match {
					t.Errorf("request %d: got If-Match %q, want %q", i, got, match)
				}
				requested[r.header.Get("x-ms-range")] = true
			}
			if len(requested) != len(requests) || !requested["bytes=0-999"] {
				t.Errorf("got the ranges %v, want each of them once", requested)
			}
		})
	}
}

// An empty blob has no range, so Azure responds 416.
func TestEmptyBlob(t *testing.T) {
	s := newBlobServer(t, "", nil)
	blob, err := s.inRanges(t, small, generous).Get(t.Context(), "a")
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

// A proxy may not support ranges.
func TestStorageWithoutRanges(t *testing.T) {
	content := random(5000)
	for _, length := range []bool{true, false} {
		t.Run(fmt.Sprintf("with its length %t", length), func(t *testing.T) {
			s := newBlobServer(t, content, func(a *rangeRequest) bool {
				a.w.Header().Set("ETag", blobTag)
				if length {
					a.w.Header().Set("Content-Length", fmt.Sprint(len(content)))
				}
				_, _ = io.WriteString(a.w, content)
				return true
			})
			got, err := get(t, s.inRanges(t, small, generous), "a")
			if err != nil || got != content {
				t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
			}
			if got := len(s.seen()); got != 1 {
				t.Errorf("got %d requests, want 1", got)
			}
		})
	}
}

// Bodies may wait to be read. Only a body that is being read requests more.
func TestPartsAreRequestedWhenTheBodyIsRead(t *testing.T) {
	content := random(25000)
	requested := make(chan string, 1000)
	s := newBlobServer(t, content, func(a *rangeRequest) bool {
		requested <- a.r.Header.Get("x-ms-range")
		return false
	})
	blob, err := s.inRanges(t, small, generous).Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blob.Body.Close() }()
	<-requested
	if got := len(s.seen()); got != 1 {
		t.Errorf("got %d requests before the body is read, want 1", got)
	}
	if _, err := io.ReadFull(blob.Body, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for range small.Ahead { // otherwise this hangs
		<-requested
	}
	if got := len(s.seen()); got != 1+small.Ahead {
		t.Errorf("got %d requests after one byte was read, want %d", got, 1+small.Ahead)
	}
}

// The storage may send less than requested if it says so.
func TestShortResponses(t *testing.T) {
	content := random(5000)
	s := newBlobServer(t, content, func(a *rangeRequest) bool {
		a.to = min(a.to, a.from+100)
		a.begin(len(content))
		_, _ = io.WriteString(a.w, content[a.from:a.to])
		return true
	})
	got, err := get(t, s.inRanges(t, small, generous), "a")
	if err != nil || got != content {
		t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
	}
}

// Bytes after the requested range are ignored.
func TestLongResponses(t *testing.T) {
	content := random(5000)
	s := newBlobServer(t, content, func(a *rangeRequest) bool {
		a.w = &overriding{a.w, "Content-Length", ""}
		a.w.Header().Set("Transfer-Encoding", "chunked")
		a.begin(len(content))
		_, _ = io.WriteString(a.w, content[a.from:a.to]+"and more")
		return true
	})
	got, err := get(t, s.inRanges(t, small, generous), "a")
	if err != nil || got != content {
		t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
	}
}

func TestCloseCancelsUnreadParts(t *testing.T) {
	content := random(25000)
	leavesNothing(t, func(t *testing.T) {
		s := newBlobServer(t, content, func(a *rangeRequest) bool {
			if a.isLater() {
				a.stall(content, 10)
			}
			return a.isLater()
		})
		c := s.inRanges(t, small, generous)
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

// A concurrent reader does not have to wait.
func TestCloseWhileItIsRead(t *testing.T) {
	content := random(25000)
	for _, buffers := range []int{0, 6} {
		t.Run(fmt.Sprintf("with %d buffers", buffers), func(t *testing.T) {
			stalled := make(chan struct{}, 100)
			s := newBlobServer(t, content, func(a *rangeRequest) bool {
				if a.isLater() {
					stalled <- struct{}{}
					a.stall(content, 0)
				}
				return a.isLater()
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
			s := newBlobServer(t, content, func(a *rangeRequest) bool {
				if a.isLater() {
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

// A breaker counts a download as one request, however many of its parts fail.
func TestBreakerCountsADownloadOnce(t *testing.T) {
	content := random(25000)
	var downloads atomic.Int64 // a later part of the one before may still arrive
	s := newBlobServer(t, content, func(a *rangeRequest) bool {
		if a.isLater() {
			fail(a.w, http.StatusBadRequest, "InvalidHeaderValue")
		} else {
			downloads.Add(1)
		}
		return a.isLater()
	})
	blobs := cache.NewBreaker(s.inRanges(t, small, generous))
	for range 5 {
		if _, err := get(t, blobs, "a"); outcomeOf(err) != plain || errors.Is(err, cache.ErrOff) {
			t.Errorf("got %v, want the error of the storage", err)
		}
	}
	if _, err := get(t, blobs, "a"); !errors.Is(err, cache.ErrOff) || downloads.Load() != 5 {
		t.Errorf("got %v, want %v and no request", err, cache.ErrOff)
	}
}
