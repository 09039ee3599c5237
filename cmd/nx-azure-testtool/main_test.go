package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
)

// TestMain runs the command itself if a test starts it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("NX_AZURE_BENCH_TEST_MAIN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// serve runs a server command until the end of the test, and returns its URL.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, args, strings.NewReader(""), write, io.Discard)
		_ = write.CloseWithError(cmp.Or(err, io.EOF))
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: got %v at its end", args[0], err)
		}
	})
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: got %v instead of an address", args[0], err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

// measure runs a measuring command and returns its output.
func measure(t *testing.T, args ...string) figures {
	t.Helper()
	var stdout bytes.Buffer
	if err := run(t.Context(), args, strings.NewReader(""), &stdout, io.Discard); err != nil {
		t.Fatalf("%s: %v", args[0], err)
	}
	var got figures
	decoder := json.NewDecoder(&stdout)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatalf("%s: %v", args[0], err)
	}
	return got
}

// send sends a request and returns status and body.
func send(ctx context.Context, t *testing.T, method, url, body string) (status int, content string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-ms-blob-type", "BlockBlob")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return answer.StatusCode, string(data)
}

// control requests a control path, and decodes the response.
func control[T any](ctx context.Context, t *testing.T, method, url, body string) (got T) {
	t.Helper()
	status, text := send(ctx, t, method, url, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: got %d %s", method, url, status, text)
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%s %s: %v in %s", method, url, err, text)
	}
	return got
}

// servers are the two server commands, with the path of a result in each.
var servers = map[string]struct {
	args   []string
	path   string
	stored int // the status of a put
}{
	"serve-blobs":      {[]string{"serve-blobs", "--port", "0", "--container", "results"}, "/devstoreaccount1/results/v1/", http.StatusCreated},
	"serve-http-cache": {[]string{"serve-http-cache", "--port", "0"}, "/v1/cache/", http.StatusOK},
}

func TestServers(t *testing.T) {
	for name, test := range servers {
		t.Run(name, func(t *testing.T) {
			server := serve(t, test.args...)
			artifact := server + test.path + "123"
			if status, _ := send(t.Context(), t, http.MethodGet, artifact, ""); status != http.StatusNotFound {
				t.Errorf("got %d for a missing result", status)
			}
			if status, _ := send(t.Context(), t, http.MethodPut, artifact, "content"); status != test.stored {
				t.Errorf("got %d for a put, want %d", status, test.stored)
			}
			if status, content := send(t.Context(), t, http.MethodGet, artifact, ""); status != http.StatusOK || content != "content" {
				t.Errorf("got %d %q, want the stored bytes", status, content)
			}
			got := control[azuretest.Stats](t.Context(), t, http.MethodGet, server+"/-/stats", "")
			if got.Gets != 2 || got.Puts != 1 || got.BytesIn != 7 || got.BytesOut < 7 || got.Blobs != 1 || got.BytesStored != 7 || got.Connections < 1 {
				t.Errorf("got %+v, want two gets and one put of 7 bytes", got)
			}
			control[azuretest.Stats](t.Context(), t, http.MethodPost, server+"/-/reset", "")
			if got := control[azuretest.Stats](t.Context(), t, http.MethodGet, server+"/-/stats", ""); got != (azuretest.Stats{}) {
				t.Errorf("got %+v after the reset, want nothing", got)
			}
			if status, _ := send(t.Context(), t, http.MethodGet, artifact, ""); status != http.StatusNotFound {
				t.Errorf("got %d for a result removed by the reset", status)
			}
		})
	}
}

// The names in the contract with scripts/bench.js must not change.
func TestStatsAreNamedAsAgreed(t *testing.T) {
	for name, test := range servers {
		got := control[map[string]int64](t.Context(), t, http.MethodGet, serve(t, test.args...)+"/-/stats", "")
		want := []string{"blobs", "bytesIn", "bytesOut", "bytesStored", "connections", "gets", "heads", "others", "puts"}
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
			t.Errorf("%s: got %q, want %q", name, names, want)
		}
	}
}

func TestWait(t *testing.T) {
	for name, test := range servers {
		t.Run(name, func(t *testing.T) {
			server := serve(t, test.args...)
			send(t.Context(), t, http.MethodPut, server+test.path+"before", "")
			control[azuretest.Stats](t.Context(), t, http.MethodPost, server+"/-/reset", "")
			done := make(chan azuretest.Stats)
			go func() { done <- control[azuretest.Stats](t.Context(), t, http.MethodGet, server+"/-/wait?puts=3", "") }()
			for i := range 3 {
				select {
				case got := <-done:
					t.Fatalf("got %+v after %d puts", got, i)
				default:
				}
				send(t.Context(), t, http.MethodPut, fmt.Sprint(server, test.path, i), "content")
			}
			if got := <-done; got.Puts != 3 {
				t.Errorf("got %+v, want 3 puts", got)
			}
			if status, _ := send(t.Context(), t, http.MethodGet, server+"/-/wait?puts=many", ""); status != http.StatusBadRequest {
				t.Errorf("got %d for an invalid number", status)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	for name, test := range servers {
		t.Run(name, func(t *testing.T) {
			server := serve(t, append([]string{"--latency", "1ms", "--rate", "1000000"}, test.args...)...)
			for _, step := range []struct{ body, want string }{
				{`{}`, `{"latency":"1ms","rate":1000000}`},
				{`{"latency": "20ms"}`, `{"latency":"20ms","rate":1000000}`},
				{`{"rate": 60000000}`, `{"latency":"20ms","rate":60000000}`},
				{`{"latency": 0.5, "rate": 0}`, `{"latency":"500µs","rate":0}`},
			} {
				status, got := send(t.Context(), t, http.MethodPost, server+"/-/settings", step.body)
				if status != http.StatusOK || strings.TrimSpace(got) != step.want {
					t.Errorf("%s: got %d %s, want %s", step.body, status, got, step.want)
				}
			}
			for _, body := range []string{`{"latency": "soon"}`, `{"speed": 1}`, `{"rate": -1}`, `{"latency": "-1ms"}`, `{"rate": null}`, `x`, ``} {
				if status, got := send(t.Context(), t, http.MethodPost, server+"/-/settings", body); status != http.StatusBadRequest {
					t.Errorf("%s: got %d %s, want a refusal", body, status, got)
				}
			}
			if status, _ := send(t.Context(), t, http.MethodGet, server+"/-/frobnicate", ""); status != http.StatusNotFound {
				t.Errorf("got %d for an unknown path", status)
			}
		})
	}
}

func TestHTTPCache(t *testing.T) {
	server := serve(t, "serve-http-cache", "--port", "0")
	for _, step := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodPut, "/v1/cache/1", "first", http.StatusOK},
		{http.MethodPut, "/v1/cache/1", "second", http.StatusConflict},
		{http.MethodDelete, "/v1/cache/1", "", http.StatusMethodNotAllowed},
		{http.MethodGet, "/v1/cache/", "", http.StatusNotFound},
		{http.MethodGet, "/", "", http.StatusNotFound},
	} {
		if status, _ := send(t.Context(), t, step.method, server+step.path, step.body); status != step.status {
			t.Errorf("%s %s: got %d, want %d", step.method, step.path, status, step.status)
		}
	}
	if _, got := send(t.Context(), t, http.MethodGet, server+"/v1/cache/1", ""); got != "first" {
		t.Errorf("got %q, want the first content", got)
	}
	if got := control[azuretest.Stats](t.Context(), t, http.MethodGet, server+"/-/stats", ""); got.Puts != 1 || got.Others != 1 || got.Gets != 1 {
		t.Errorf("got %+v, want one put, one get and one refusal", got)
	}
}

func TestRawGet(t *testing.T) {
	server := serve(t, "serve-http-cache", "--port", "0")
	file := filepath.Join(t.TempDir(), "urls")
	var urls strings.Builder
	const count, size = 50, 1000
	for i := range count {
		url := fmt.Sprintf("%s/v1/cache/%d", server, i)
		send(t.Context(), t, http.MethodPut, url, strings.Repeat("x", size))
		fmt.Fprintln(&urls, url)
	}
	if err := os.WriteFile(file, []byte(urls.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, concurrency := range []int{1, 3} {
		before := control[azuretest.Stats](t.Context(), t, http.MethodGet, server+"/-/stats", "")
		got := measure(t, "raw-get", "--concurrency", fmt.Sprint(concurrency), file)
		after := control[azuretest.Stats](t.Context(), t, http.MethodGet, server+"/-/stats", "")
		if got.Requests != count || got.Bytes != count*size || got.Milliseconds <= 0 || after.Gets-before.Gets != count {
			t.Errorf("got %+v, want %d requests of %d bytes", got, count, size)
		}
		if used := after.Connections - before.Connections; used < 1 || used > int64(concurrency) {
			t.Errorf("got %d connections, want %d", used, concurrency)
		}
	}
	if err := os.WriteFile(file, []byte(server+"/v1/cache/missing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"raw-get", file}, strings.NewReader(""), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v, want an error with the response", err)
	}
}

func TestTarZstd(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out.tar.zst")
	want := map[string]string{"a.txt": "a", "b/c.txt": strings.Repeat("content", 10_000)}
	for name, content := range want {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	got := measure(t, "tar-zstd", "--out", out, dir)
	file, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err != nil || info.Size() != got.Bytes || got.Milliseconds <= 0 || got.Bytes > 5000 {
		t.Errorf("got %+v, want the size of the small file: %v", got, info)
	}
	decoder, err := zstd.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	found := make(map[string]string)
	for archive := tar.NewReader(decoder); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			found[header.Name] = string(content)
		}
	}
	if !maps.Equal(found, want) {
		t.Errorf("got the files %q, want those of the folder", slices.Collect(maps.Keys(found)))
	}
	if err := run(t.Context(), []string{"tar-zstd", "--out", out, dir}, strings.NewReader(""), io.Discard, io.Discard); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v for an existing file, want %v", err, os.ErrExist)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	from, out := filepath.Join(dir, "from"), filepath.Join(dir, "out")
	content := bytes.Repeat([]byte("content"), 10_000)
	if err := os.WriteFile(from, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for copies, files := range map[int][]string{1: {out}, 3: {out + ".1", out + ".2", out + ".3"}} {
		got := measure(t, "write", "--out", out, "--from", from, "--copies", fmt.Sprint(copies))
		if got.Bytes != int64(copies*len(content)) || got.Milliseconds <= 0 {
			t.Errorf("got %+v, want the bytes of %d copies", got, copies)
		}
		for _, file := range files {
			if written, err := os.ReadFile(file); err != nil || !bytes.Equal(written, content) {
				t.Errorf("%s: got %d bytes, %v", file, len(written), err)
			}
		}
	}
	if err := run(t.Context(), []string{"write", "--out", out, "--from", from}, strings.NewReader(""), io.Discard, io.Discard); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v for an existing file, want %v", err, os.ErrExist)
	}
}

func TestUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"no port":              {"serve-blobs"},
		"a negative rate":      {"serve-http-cache", "--port", "0", "--rate", "-1"},
		"no file to write":     {"write", "--from", "x"},
		"no copies":            {"write", "--out", filepath.Join(t.TempDir(), "x"), "--from", os.Args[0], "--copies", "0"},
		"no concurrency":       {"raw-get", "--concurrency", "0", os.Args[0]},
		"an unknown command":   {"frobnicate"},
		"an argument too many": {"serve-blobs", "--port", "0", "x"},
		"an unknown flag":      {"raw-get", "--frobnicate", os.Args[0]},
		"a missing folder":     {"tar-zstd", "--out", filepath.Join(t.TempDir(), "x"), filepath.Join(t.TempDir(), "missing")},
		"an invalid rate":      {"serve-blobs", "--port", "0", "--rate", "fast"},
	} {
		if err := run(t.Context(), args, strings.NewReader(""), io.Discard, io.Discard); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
