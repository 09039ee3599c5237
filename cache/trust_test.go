package cache_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// as returns the options of a run in a scope.
func as(blobs cache.Blobs, scope trust.Scope) cache.Options {
	options := cache.Options{Mode: cache.ReadWrite, Writes: cache.Place{Blobs: blobs, Scope: scope}}
	for _, scope := range (trust.Run{Scope: scope}).Reads() {
		options.Reads = append(options.Reads, cache.Place{Blobs: blobs, Scope: scope})
	}
	return options
}

// storeAs stores a result with a file "a" that contains the text.
func storeAs(t *testing.T, options cache.Options, hash, text string) {
	t.Helper()
	dir := cachetest.TempDir(t)
	outputs(t, dir, hash, map[string]string{"a": text})
	store(t, closing(t, cache.New(options)), hash, dir, 0, cache.TerminalOutput{})
}

// retrieveAs returns the text in "a" of the result of a hash.
func retrieveAs(t *testing.T, options cache.Options, hash string) (string, error) {
	t.Helper()
	dir := cachetest.TempDir(t)
	if _, err := closing(t, cache.New(options)).Retrieve(t.Context(), hash, dir); err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(dir, hash, "a"))
	return string(text), err
}

func TestScopesThatARunReads(t *testing.T) {
	a, b, branch, tag := trust.PullRequest("1"), trust.PullRequest("2"), trust.Branch("x"), trust.Tag("v1")
	readers := []trust.Scope{trust.Trusted, a, b, branch, tag, trust.Local, trust.Untrusted, trust.Shared}
	for writer, want := range map[trust.Scope][]trust.Scope{
		trust.Trusted: {trust.Trusted, a, b, branch, tag, trust.Local, trust.Untrusted},
		a:             {a}, b: {b}, branch: {branch}, tag: {}, trust.Local: {trust.Local}, trust.Shared: {trust.Shared},
	} {
		blobs := new(cachetest.Memory)
		storeAs(t, as(blobs, writer), "1", "by "+string(writer))
		for _, reader := range readers {
			text, err := retrieveAs(t, as(blobs, reader), "1")
			switch isRead := slices.Contains(want, reader); {
			case isRead && (err != nil || text != "by "+string(writer)):
				t.Errorf("%s of %s: got %q, %v", reader, writer, text, err)
			case !isRead && !errors.Is(err, cache.ErrNotFound):
				t.Errorf("%s of %s: got %q, %v, want a miss", reader, writer, text, err)
			}
		}
	}
}

func TestTheTrustedEntryWins(t *testing.T) {
	blobs := new(cachetest.Memory)
	pull := trust.PullRequest("1")
	storeAs(t, as(blobs, pull), "1", "own")
	storeAs(t, as(blobs, trust.Trusted), "1", "trusted")
	if text, err := retrieveAs(t, as(blobs, pull), "1"); err != nil || text != "trusted" {
		t.Errorf("got %q, %v, want the trusted entry", text, err)
	}
	// A damaged trusted entry does not hide the run's own entry.
	damage(t, blobs, "v1/trusted/1")
	if text, err := retrieveAs(t, as(blobs, pull), "1"); err != nil || text != "own" {
		t.Errorf("got %q, %v, want the run's own entry", text, err)
	}
	damage(t, blobs, "v1/pr-1/1")
	if _, err := retrieveAs(t, as(blobs, pull), "1"); !errors.Is(err, cache.ErrDamaged) {
		t.Errorf("got %v, want an error that it is damaged", err)
	}
}

func damage(t *testing.T, blobs *cachetest.Memory, name string) {
	t.Helper()
	b, ok := blobs.Blob(name)
	if !ok {
		t.Fatalf("no %s in %q", name, blobs.Names())
	}
	b.Content = b.Content[:len(b.Content)-1]
	blobs.Set(name, b)
}

// All places are requested at once, so a miss costs one round trip.
func TestPlacesAreRequestedAtOnce(t *testing.T) {
	arrived := make(chan string, 2)
	both := make(chan struct{})
	blobs := blobsFunc{Memory: new(cachetest.Memory)}
	blobs.get = func(ctx context.Context, name string) (*cache.Blob, error) {
		arrived <- name
		<-both
		return blobs.Memory.Get(ctx, name)
	}
	go func() {
		<-arrived
		<-arrived
		close(both)
	}()
	if _, err := retrieveAs(t, as(blobs, trust.Local), "1"); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("got %v, want a miss", err)
	}
}

// A body that is not used is closed, whenever it arrives.
func TestUnusedBodiesAreClosed(t *testing.T) {
	memory := new(cachetest.Memory)
	storeAs(t, as(memory, trust.Local), "1", "own")
	storeAs(t, as(memory, trust.Trusted), "1", "trusted")
	closed, used := make(chan struct{}), make(chan struct{})
	blobs := blobsFunc{Memory: memory}
	blobs.get = func(ctx context.Context, name string) (*cache.Blob, error) {
		blob, err := memory.Get(ctx, name)
		if name == "v1/local/1" {
			<-used
			blob.Body = tellsClose{blob.Body, closed}
		}
		return blob, err
	}
	if text, err := retrieveAs(t, as(blobs, trust.Local), "1"); err != nil || text != "trusted" {
		t.Errorf("got %q, %v", text, err)
	}
	close(used)
	<-closed
}

// tellsClose reports when it is closed.
type tellsClose struct {
	io.ReadCloser
	closed chan struct{}
}

func (c tellsClose) Close() error {
	close(c.closed)
	return c.ReadCloser.Close()
}

func newKey(t *testing.T) trust.PrivateKey {
	t.Helper()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signing returns the options of a trusted run that signs, and trusts only that key.
func signing(t *testing.T, blobs cache.Blobs, key trust.PrivateKey) cache.Options {
	t.Helper()
	verifier, err := trust.NewVerifier([]trust.PublicKey{key.Public()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	options := as(blobs, trust.Trusted)
	options.Signer, options.Verifier = trust.NewSigner(key), verifier
	return options
}

func TestSignedEntries(t *testing.T) {
	blobs := new(cachetest.Memory)
	options := signing(t, blobs, newKey(t))
	options.Prefix = "team"
	options.Provenance = trust.Provenance{Repository: "acme/shop", Ref: "refs/heads/main"}
	storeAs(t, options, "1", "signed")
	if text, err := retrieveAs(t, options, "1"); err != nil || text != "signed" {
		t.Errorf("got %q, %v", text, err)
	}
	b, _ := blobs.Blob("team/v1/trusted/1")
	if names := slices.Sorted(maps.Keys(b.Metadata)); !slices.Equal(names, []string{"dsse", "format", "length", "sha256"}) {
		t.Errorf("got the metadata %q", names)
	}
	entry := cache.Entry{Prefix: "team", Scope: trust.Trusted, Hash: "1", Size: int64(len(b.Content)), Metadata: b.Metadata}
	claim, keyID, err := entry.Claim()
	if err != nil || keyID != options.Signer.Key().ID() || claim.Provenance.Ref != "refs/heads/main" || claim.Hash != "1" {
		t.Errorf("got %+v of %s, %v", claim, keyID, err)
	}
	if signed, err := entry.Verify(options.Verifier); err != nil || signed != claim {
		t.Errorf("got %+v, %v, want %+v", signed, err, claim)
	}
	// A pull request reads it, and its own entry, which is not signed.
	pull := as(blobs, trust.PullRequest("1"))
	pull.Prefix, pull.Verifier = "team", options.Verifier
	storeAs(t, pull, "2", "own")
	for hash, want := range map[string]string{"1": "signed", "2": "own"} {
		if text, err := retrieveAs(t, pull, hash); err != nil || text != want {
			t.Errorf("got %q, %v, want %q", text, err, want)
		}
	}
}

// Each entry would be accepted without signatures, as the test shows first.
func TestEntriesThatAreNotTrusted(t *testing.T) {
	key := newKey(t)
	for want, plant := range map[string]func(t *testing.T, blobs *cachetest.Memory){
		"it is not signed": func(t *testing.T, blobs *cachetest.Memory) {
			storeAs(t, as(blobs, trust.Trusted), "1", "evil")
		},
		"which is not one of azure.trust.publicKeys": func(t *testing.T, blobs *cachetest.Memory) {
			storeAs(t, signing(t, blobs, newKey(t)), "1", "evil")
		},
		`signed with the prefix "elsewhere"`: func(t *testing.T, blobs *cachetest.Memory) {
			options := signing(t, blobs, key)
			options.Prefix = "elsewhere"
			storeAs(t, options, "1", "evil")
			move(t, blobs, "elsewhere/v1/trusted/1", "v1/trusted/1")
		},
		`signed with the scope "pr-7"`: func(t *testing.T, blobs *cachetest.Memory) {
			options := signing(t, blobs, key)
			options.Writes.Scope = trust.PullRequest("7")
			storeAs(t, options, "1", "evil")
			move(t, blobs, "v1/pr-7/1", "v1/trusted/1")
		},
		"signed with the SHA-256": func(t *testing.T, blobs *cachetest.Memory) { // a swapped body
			storeAs(t, signing(t, blobs, key), "1", "good")
			good, _ := blobs.Blob("v1/trusted/1")
			blobs.Remove("v1/trusted/1")
			storeAs(t, as(blobs, trust.Trusted), "1", "evil")
			evil, _ := blobs.Blob("v1/trusted/1")
			evil.Metadata["dsse"] = good.Metadata["dsse"]
			blobs.Set("v1/trusted/1", evil)
		},
	} {
		t.Run(want, func(t *testing.T) {
			blobs := new(cachetest.Memory)
			plant(t, blobs)
			if text, err := retrieveAs(t, as(blobs, trust.Trusted), "1"); err != nil || text != "evil" {
				t.Fatalf("got %q, %v without signatures: the test tested nothing", text, err)
			}
			options := signing(t, blobs, key)
			_, err := retrieveAs(t, options, "1")
			if !errors.Is(err, cache.ErrDamaged) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			repair(t, options, blobs)
		})
	}
}

// repair checks that a trusted run replaces an entry that it does not trust, and that the
// next run uses the new entry.
func repair(t *testing.T, options cache.Options, blobs *cachetest.Memory) {
	t.Helper()
	before, _ := blobs.Blob("v1/trusted/1")
	c := closing(t, cache.New(options))
	dir := cachetest.TempDir(t)
	if _, err := c.Retrieve(t.Context(), "1", dir); err == nil {
		t.Fatal("got a hit")
	}
	outputs(t, dir, "1", map[string]string{"a": "built anew"})
	store(t, c, "1", dir, 0, cache.TerminalOutput{})
	after, _ := blobs.Blob("v1/trusted/1")
	if bytes.Equal(before.Content, after.Content) {
		t.Error("the entry is not replaced")
	}
	if text, err := retrieveAs(t, options, "1"); err != nil || text != "built anew" {
		t.Errorf("got %q, %v", text, err)
	}
}

func move(t *testing.T, blobs *cachetest.Memory, from, to string) {
	t.Helper()
	b, ok := blobs.Blob(from)
	if !ok {
		t.Fatalf("no %s", from)
	}
	blobs.Remove(from)
	blobs.Set(to, b)
}

// The exit code is signed separately, not only as a part of the archive.
func TestSignedExitCode(t *testing.T) {
	blobs := new(cachetest.Memory)
	key := newKey(t)
	options := signing(t, blobs, key)
	storeAs(t, options, "1", "x")
	b, _ := blobs.Blob("v1/trusted/1")
	opened, err := trust.Read(b.Metadata["dsse"])
	if err != nil {
		t.Fatal(err)
	}
	opened.Statement.Code = 1
	if b.Metadata["dsse"], err = trust.NewSigner(key).Sign(opened.Statement); err != nil {
		t.Fatal(err)
	}
	blobs.Set("v1/trusted/1", b)
	if _, err := retrieveAs(t, options, "1"); !errors.Is(err, cache.ErrDamaged) || !strings.Contains(err.Error(), "signed with the exit code 1, but has 0") {
		t.Errorf("got %v, want the exit code", err)
	}
}

// Only runs that write a scope repair its entries. A pull request that finds a bad
// trusted entry stores its own and leaves the trusted one.
func TestOnlyWritersRepair(t *testing.T) {
	blobs := new(cachetest.Memory)
	storeAs(t, as(blobs, trust.Trusted), "1", "evil")
	before, _ := blobs.Blob("v1/trusted/1")
	pull := as(blobs, trust.PullRequest("7"))
	pull.Verifier = signing(t, blobs, newKey(t)).Verifier
	c := closing(t, cache.New(pull))
	dir := cachetest.TempDir(t)
	if _, err := c.Retrieve(t.Context(), "1", dir); !errors.Is(err, cache.ErrDamaged) {
		t.Fatalf("got %v", err)
	}
	outputs(t, dir, "1", map[string]string{"a": "own"})
	store(t, c, "1", dir, 0, cache.TerminalOutput{})
	if after, _ := blobs.Blob("v1/trusted/1"); !bytes.Equal(before.Content, after.Content) {
		t.Error("the trusted entry has changed")
	}
	if text, err := retrieveAs(t, pull, "1"); err != nil || text != "own" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestNames(t *testing.T) {
	for _, prefix := range []string{"", "team", "a/b.c"} {
		name := cache.Name(prefix, trust.Branch("x/y"), "123")
		if scope, hash, ok := cache.ParseName(prefix, name); !ok || scope != trust.Branch("x/y") || hash != "123" {
			t.Errorf("%s: got %s, %s, %v", name, scope, hash, ok)
		}
	}
	for _, name := range []string{"", "v1/", "v1/x", "v1//1", "v1/x/", "v1/x/1/2", "v2/x/1", "v1/x/a b", "team/v1/x/1"} {
		if scope, hash, ok := cache.ParseName("", name); ok {
			t.Errorf("%s: got %s, %s", name, scope, hash)
		}
	}
}
