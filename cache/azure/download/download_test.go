package download_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
)

// The tests over HTTP are in package azure: retry_test.go, buffers_test.go,
// stalls_test.go.

const stallLimit = 15 * time.Second

// source serves ranges of content. A fault replaces the body of a request.
type source struct {
	content []byte
	fault   func(request int, body io.Reader) io.Reader

	mu       sync.Mutex
	requests int
}

func (s *source) Open(ctx context.Context, from, to int64) (io.ReadCloser, error) {
	s.mu.Lock()
	s.requests++
	n := s.requests
	s.mu.Unlock()
	var body io.Reader = bytes.NewReader(s.content[from:to])
	if s.fault != nil {
		body = s.fault(n, body)
	}
	return cancellable{ctx, body}, nil
}

// cancellable is a body that ends with its request.
type cancellable struct {
	ctx context.Context
	io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if c.Reader == nil { // it stalls
		<-c.ctx.Done()
		return 0, context.Cause(c.ctx)
	}
	return c.Reader.Read(p)
}

func (c cancellable) Close() error { return nil }

// read downloads the content in ranges, and returns it with the number of requests.
func read(t *testing.T, s *source) ([]byte, int, error) {
	t.Helper()
	downloads := download.New(download.Ranges{First: 1000, Part: 300, Ahead: 2, Buffers: 2}, stallLimit)
	begin := func(ctx context.Context) (download.First, error) {
		body, err := s.Open(ctx, 0, downloads.First())
		return download.First{Source: s, Body: body, To: downloads.First(), Size: int64(len(s.content))}, err
	}
	body, err := downloads.Open(t.Context(), begin, func(_ context.Context, err error) error { return err })
	if err != nil {
		return nil, s.requests, err
	}
	got, err := io.ReadAll(body)
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	return got, s.requests, err
}

func random(size int) []byte {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(content) // it cannot fail
	return content
}

func TestBrokenRangeIsRetriedFromWhereItBroke(t *testing.T) {
	s := &source{content: random(2200), fault: func(request int, body io.Reader) io.Reader {
		if request%2 == 0 { // every other request breaks after 100 bytes
			return io.MultiReader(io.LimitReader(body, 100), errReader{})
		}
		return body
	}}
	got, requests, err := read(t, s)
	if err != nil || !bytes.Equal(got, s.content) {
		t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(s.content))
	}
	if requests <= 5 {
		t.Errorf("got %d requests, want more than the 5 of a download without errors", requests)
	}
}

var errBroken = errors.New("connection reset")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

func TestRangeThatBreaksWithoutProgressFails(t *testing.T) {
	s := &source{content: random(2200), fault: func(request int, body io.Reader) io.Reader {
		if request > 1 {
			return errReader{}
		}
		return body
	}}
	got, _, err := read(t, s)
	if !errors.Is(err, errBroken) || !bytes.Equal(got, s.content[:1000]) {
		t.Errorf("got %d bytes, %v; want the first 1000 and %v", len(got), err, errBroken)
	}
}

func TestStalledRangeIsHedged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{content: random(1000), fault: func(request int, body io.Reader) io.Reader {
			if request == 1 {
				return nil // it never sends a byte
			}
			return body
		}}
		begin := time.Now()
		got, requests, err := read(t, s)
		if err != nil || !bytes.Equal(got, s.content) || requests != 2 {
			t.Errorf("got %d bytes in %d requests, %v; want the %d in 2", len(got), requests, err, len(s.content))
		}
		if took := time.Since(begin); took >= stallLimit {
			t.Errorf("took %s, want less than the stall limit", took)
		}
	})
}
