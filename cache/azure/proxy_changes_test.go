package azure_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// changing is a proxy that changes the responses to reads.
func changing(t *testing.T, service, to string, change func(*http.Response) error) (connectionString string) {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method != http.MethodGet || r.StatusCode > 299 {
			return nil
		}
		return change(r)
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return strings.Replace(service, to, s.URL, 1)
}

// replaceBody changes the body of a response and drops its length.
func replaceBody(r *http.Response, change func([]byte) []byte) error {
	content, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(change(content)))
	unmeasured(r)
	return err
}

func unmeasured(r *http.Response) {
	r.ContentLength = -1
	r.Header.Del("Content-Length")
}

func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(content) // never fails
	_ = w.Close()
	return b.Bytes()
}

func weaken(r *http.Response) { r.Header.Set("ETag", "W/"+r.Header.Get("ETag")) }

// whole replaces the response to a range request by one with the whole blob.
func whole(r *http.Response) {
	r.StatusCode, r.Status = http.StatusOK, "200 OK"
	r.Header.Del("Content-Range")
}

func cut(content []byte) []byte { return content[:len(content)/2] }

// A change by a proxy is not damage of the stored entry. The entry is used if its bytes
// arrive unchanged, and never replaced.
func TestProxyThatChangesResponses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*http.Response) error
		want   string // of the error; "" means a hit
	}{
		"nothing":                       {func(*http.Response) error { return nil }, ""},
		"only Via":                      {func(r *http.Response) error { r.Header.Set("Via", "1.1 squid"); return nil }, ""},
		"a weak ETag":                   {func(r *http.Response) error { weaken(r); return nil }, ""},
		"no length":                     {func(r *http.Response) error { unmeasured(r); return nil }, ""},
		"no range":                      {func(r *http.Response) error { whole(r); return nil }, ""},
		"identity":                      {func(r *http.Response) error { r.Header.Set("Content-Encoding", "identity"); return nil }, ""},
		"an encoding set by the writer": {func(r *http.Response) error { r.Header.Set("Content-Encoding", "zstd"); return nil }, ""},
		"compressed": {func(r *http.Response) error {
			weaken(r)
			r.Header.Set("Content-Encoding", "gzip")
			r.Header.Set("Via", "1.1 squid")
			return replaceBody(r, gzipped)
		}, "(Content-Encoding: gzip, Via: 1.1 squid); the entry that arrived"},
		"compressed, with a length": {func(r *http.Response) error {
			r.Header.Set("Content-Encoding", "gzip")
			err := replaceBody(r, gzipped)
			content, _ := io.ReadAll(r.Body)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
			r.Header.Set("Content-Length", fmt.Sprint(len(content)))
			whole(r)
			return err
		}, "Content-Encoding: gzip"},
		"apparently decompressed":     {func(r *http.Response) error { return replaceBody(r, bytes.ToUpper) }, "it has no Content-Length"},
		"truncated, without a length": {func(r *http.Response) error { return replaceBody(r, cut) }, "unexpected EOF"},
		"truncated, with its length": {func(r *http.Response) error {
			length := r.ContentLength
			err := replaceBody(r, cut)
			r.ContentLength = length
			r.Header.Set("Content-Length", fmt.Sprint(length))
			return err
		}, "unexpected EOF"},
		"without Azure's headers": {func(r *http.Response) error {
			for header := range r.Header {
				if strings.HasPrefix(header, "X-Ms-") {
					r.Header.Del(header)
				}
			}
			return nil
		}, "it has no Azure headers"},
		"several parts": {func(r *http.Response) error {
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			part, err := w.CreatePart(textproto.MIMEHeader{"Content-Range": r.Header["Content-Range"]})
			if err != nil {
				return err
			}
			_, err = io.Copy(part, r.Body)
			_ = w.Close()
			r.Body, r.ContentLength = io.NopCloser(&b), int64(b.Len())
			r.Header.Set("Content-Length", fmt.Sprint(b.Len()))
			r.Header.Set("Content-Type", "multipart/byteranges; boundary="+w.Boundary())
			r.Header.Del("Content-Range")
			return err
		}, "the response does not have the requested bytes"},
		"another range": {func(r *http.Response) error {
			r.Header.Set("Content-Range", fmt.Sprintf("bytes 5-%d/%d", 4+r.ContentLength, 5+r.ContentLength))
			return nil
		}, "the response does not have the requested bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			service, direct := startService(t)
			origin := strings.TrimSuffix(direct[strings.Index(direct, "http://"):], "/"+azuretest.Account)
			const hash = "123"
			stored := runOf(t, open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(direct)}))
			stored.store(t, hash, cache.OutcomeStored)
			before, _ := service.Blob("results", "v1/shared/"+hash)

			breaker := cache.NewBreaker(open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(changing(t, direct, origin, test.change))}))
			r := runOf(t, breaker)
			_, err := r.cache.Retrieve(t.Context(), hash, r.directory)
			if test.want == "" {
				if err != nil {
					t.Errorf("got %v, want a hit", err)
				}
				return
			}
			if err == nil || errors.Is(err, cache.ErrDamaged) || errors.Is(err, cache.ErrNotFound) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q that is not damage", err, test.want)
			}
			r.store(t, hash, cache.OutcomeExists)
			if after, _ := service.Blob("results", "v1/shared/"+hash); after.ETag != before.ETag {
				t.Error("the stored entry was replaced")
			}
			// The error counts as a failure, because such a proxy changes all responses.
			for range 6 {
				_, err = r.cache.Retrieve(t.Context(), hash, r.directory)
			}
			if !errors.Is(err, cache.ErrOff) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want the cache off, with the reason", err)
			}
		})
	}
}

// A proxy may change only some of the responses for a large blob: one of two proxies
// does, or the proxy ignores large responses.
func TestProxyThatChangesSomeResponses(t *testing.T) {
	for name, change := range map[string]func(*http.Response) error{
		"compressed": func(r *http.Response) error {
			r.Header.Set("Content-Encoding", "gzip")
			return replaceBody(r, gzipped)
		},
		"apparently decompressed": func(r *http.Response) error { return replaceBody(r, bytes.ToUpper) },
		"only its header":         func(r *http.Response) error { r.Header.Set("Content-Encoding", "gzip"); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			service, direct := startService(t)
			origin := strings.TrimSuffix(direct[strings.Index(direct, "http://"):], "/"+azuretest.Account)
			const hash = "123"
			runOf(t, openService(t, direct)).store(t, hash, cache.OutcomeStored)
			before, _ := service.Blob("results", "v1/shared/"+hash)
			through := changing(t, direct, origin, func(r *http.Response) error {
				if strings.HasPrefix(r.Header.Get("Content-Range"), "bytes 0-") {
					return nil
				}
				return change(r)
			})
			ranges := download.Ranges{First: 50, Part: 60, Ahead: 4, Buffers: 6}
			r := runOf(t, cache.NewBreaker(open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(through), Ranges: ranges})))
			_, err := r.cache.Retrieve(t.Context(), hash, r.directory)
			if name == "only its header" {
				if err != nil {
					t.Errorf("got %v, want a hit", err)
				}
				return
			}
			if err == nil || errors.Is(err, cache.ErrDamaged) || errors.Is(err, cache.ErrNotFound) {
				t.Errorf("got %v, want an error that is not damage", err)
			}
			r.store(t, hash, cache.OutcomeExists)
			if after, _ := service.Blob("results", "v1/shared/"+hash); after.ETag != before.ETag {
				t.Error("the stored entry was replaced")
			}
		})
	}
}

// The ranges of a large blob are requested with the storage's ETag, even if a proxy has
// weakened it.
func TestWeakETagOfALargeBlob(t *testing.T) {
	_, direct := startService(t)
	origin := strings.TrimSuffix(direct[strings.Index(direct, "http://"):], "/"+azuretest.Account)
	content := random(25000)
	if err := put(t, openService(t, direct), "a", content); err != nil {
		t.Fatal(err)
	}
	through := changing(t, direct, origin, func(r *http.Response) error { weaken(r); return nil })
	got, err := get(t, open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(through), Ranges: small}), "a")
	if err != nil || got != content {
		t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
	}
}

// Requests tell proxies not to change the response.
func TestReadsForbidTransforms(t *testing.T) {
	s := newBlobServer(t, random(5000), nil)
	if _, err := get(t, s.inRanges(t, small, generous), "a"); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.seen() {
		if encoding, control := r.header.Get("Accept-Encoding"), r.header.Get("Cache-Control"); encoding != "identity" || control != "no-transform" {
			t.Errorf("got Accept-Encoding %q and Cache-Control %q", encoding, control)
		}
	}
}

// run is a run of Nx with a cache.
type run struct {
	cache     *cache.Cache
	directory string
}

func runOf(t *testing.T, blobs cache.Blobs) run {
	t.Helper()
	c := cache.New(cachetest.Shared(blobs, cache.ReadWrite))
	t.Cleanup(func() { c.Close(context.Background()) })
	return run{c, cachetest.TempDir(t)}
}

// store stores the result of a hash.
func (r run) store(t *testing.T, hash string, want cache.Outcome) {
	t.Helper()
	folder := filepath.Join(r.directory, hash)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "file"), []byte(strings.Repeat("content ", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	stored, reason, err := cachetest.Store(t.Context(), r.cache, hash, r.directory, 0, cache.TerminalOutput{Text: "done"})
	if err != nil || stored.Outcome != want {
		t.Errorf("got %v %q, %v; want %s", stored, reason, err, want)
	}
}
