package cachetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

func readBefore(t *testing.T, blobs cache.Blobs) {
	for _, at := range []int64{1, 500, 1000} {
		name, content := fresh(), random(1000)
		body := bytes.NewReader(content)
		if _, err := body.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if err := blobs.Put(t.Context(), name, body, nil); err != nil {
			t.Fatalf("put a body at offset %d: %v", at, err)
		}
		check(t, blobs, name, content)
	}
}

// closer is a body that records whether it was closed.
type closer struct {
	*bytes.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

func closable(t *testing.T, blobs cache.Blobs) {
	name := fresh()
	body := &closer{Reader: bytes.NewReader([]byte("x"))}
	if err := blobs.Put(t.Context(), name, body, nil); err != nil {
		t.Fatal(err)
	}
	if body.closed {
		t.Error("the body was closed; it is the caller's")
	}
	check(t, blobs, name, []byte("x"))
}

// failing is a body whose reads fail halfway.
type failing struct {
	*bytes.Reader
	err error
}

func (f failing) Read(p []byte) (int, error) {
	if half := f.Size() / 2; f.Len() > int(half) {
		return f.Reader.Read(p[:min(len(p), f.Len()-int(half))])
	}
	return 0, f.err
}

func failingBody(t *testing.T, blobs cache.Blobs) {
	name := fresh()
	body := failing{bytes.NewReader(random(100_000)), errors.New("the disk is gone")}
	if err := blobs.Put(t.Context(), name, body, nil); err == nil {
		t.Error("got no error")
	}
	checkMissing(t, blobs, name)
}

func segments(t *testing.T, blobs cache.Blobs) {
	root := fresh()
	for _, name := range []string{
		root,
		root + "/v1/shared/11891250523286014446",
		root + "/a.b_c-D/v1/shared/1",
		root + "/a.b_c-D/v1/shared/10",
		root + "/a.b_c-D/v1/SHARED/1",
	} {
		content := []byte("content of " + name)
		put(t, blobs, name, content, nil)
		check(t, blobs, name, content)
	}
	checkMissing(t, blobs, root+"/v1")
	checkMissing(t, blobs, root+"/v1/shared/")
}

func ended(t *testing.T, blobs cache.Blobs) {
	name, other := fresh(), fresh()
	put(t, blobs, name, []byte("x"), nil)

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()

	for _, test := range []struct {
		name string
		ctx  context.Context
		want error
	}{
		{"canceled", canceled, context.Canceled},
		{"deadline", late, context.DeadlineExceeded},
	} {
		begin := time.Now()
		if _, err := blobs.Get(test.ctx, name); !errors.Is(err, test.want) {
			t.Errorf("%s: get: got %v, want %v", test.name, err, test.want)
		}
		if err := blobs.Put(test.ctx, other, strings.NewReader("x"), nil); !errors.Is(err, test.want) {
			t.Errorf("%s: put: got %v, want %v", test.name, err, test.want)
		}
		if err := blobs.Replace(test.ctx, name, etag(t, blobs, name), strings.NewReader("y"), nil); !errors.Is(err, test.want) {
			t.Errorf("%s: replace: got %v, want %v", test.name, err, test.want)
		}
		if took := time.Since(begin); took > prompt {
			t.Errorf("%s: took %s", test.name, took)
		}
	}
	checkMissing(t, blobs, other)
	check(t, blobs, name, []byte("x"))
}

func endsMidway(t *testing.T, blobs cache.Blobs) {
	name := fresh()
	put(t, blobs, name, random(20<<20), nil) // more than any buffer in between
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	blob, err := blobs.Get(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blob.Body.Close() }()
	if _, err := io.CopyN(io.Discard, blob.Body, 1000); err != nil {
		t.Fatal(err)
	}
	cancel()
	begin := time.Now()
	if n, err := io.Copy(io.Discard, blob.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("got %d more bytes and %v, want %v", n, err, context.Canceled)
	}
	if took := time.Since(begin); took > prompt {
		t.Errorf("took %s", took)
	}
}

func closedEarly(t *testing.T, blobs cache.Blobs) {
	name, content := fresh(), random(5<<20)
	put(t, blobs, name, content, nil)
	for _, n := range []int64{0, 1, 100_000} {
		blob, err := blobs.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, blob.Body, n); err != nil {
			t.Errorf("read %d bytes: %v", n, err)
		}
		if err := blob.Body.Close(); err != nil {
			t.Errorf("close after %d bytes: %v", n, err)
		}
	}
	check(t, blobs, name, content)
}
