package history_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/history"
)

const prefix = "team"

// stored is a blob in memory.
type stored struct {
	body     []byte
	metadata cache.Metadata
	err      error // of Get
}

// container is a [history.Container] in memory.
type container struct {
	mu       sync.Mutex
	blobs    map[string]stored
	listErr  error
	gets     int
	inFlight int
	most     int
}

func newContainer() *container { return &container{blobs: make(map[string]stored)} }

func (c *container) names(prefix string) []string {
	var names []string
	for name := range c.blobs {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (c *container) Folders(_ context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		last := ""
		for _, name := range c.names(prefix) {
			folder, _, isBelow := strings.Cut(strings.TrimPrefix(name, prefix), "/")
			if folder = prefix + folder + "/"; isBelow && folder != last && !yield(folder, nil) {
				return
			}
			last = folder
		}
		if c.listErr != nil {
			yield("", c.listErr)
		}
	}
}

func (c *container) List(_ context.Context, prefix string) iter.Seq2[azure.Properties, error] {
	return func(yield func(azure.Properties, error) bool) {
		for _, name := range c.names(prefix) {
			if !yield(azure.Properties{Name: name, Size: int64(len(c.blobs[name].body))}, nil) {
				return
			}
		}
	}
}

func (c *container) Get(_ context.Context, name string) (*cache.Blob, error) {
	c.mu.Lock()
	c.gets++
	c.inFlight++
	c.most = max(c.most, c.inFlight)
	c.mu.Unlock()
	runtime.Gosched()
	defer func() { c.mu.Lock(); c.inFlight--; c.mu.Unlock() }()
	blob, ok := c.blobs[name]
	if !ok {
		return nil, cache.ErrNotFound
	}
	if blob.err != nil {
		return nil, blob.err
	}
	return &cache.Blob{Body: io.NopCloser(strings.NewReader(string(blob.body))), Size: int64(len(blob.body)), Metadata: blob.metadata}, nil
}

// now is in the past, because records of the future do not count.
var now = time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)

func record(scope trust.Scope, ended time.Time, session string) *runs.Record {
	return &runs.Record{
		Session: session, Started: ended.Add(-time.Minute), Ended: ended, Scope: scope, Mode: cache.ReadWrite,
		Tasks: []runs.Task{{ID: "shop:build", Hash: "123", Outcome: runs.Stored}},
	}
}

// put stores a record and returns its name.
func (c *container) put(t *testing.T, r *runs.Record, signer *trust.Signer) string {
	t.Helper()
	body, err := runs.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	name := runs.Name(prefix, r.Scope, r.Ended, r.Session)
	metadata, err := runs.Metadata(name, body, signer)
	if err != nil {
		t.Fatal(err)
	}
	c.blobs[name] = stored{body: body, metadata: metadata}
	return name
}

func reader(c *container) *history.Reader {
	return &history.Reader{Prefix: prefix, ContainerOf: func(trust.Scope) history.Container { return c }}
}

// read returns the sessions of the runs, in order, and the error.
func read(t *testing.T, r *history.Reader, scopes []trust.Scope, since time.Time, limit int) (sessions []string, err error) {
	t.Helper()
	for run, err := range r.Runs(t.Context(), scopes, history.Query{Since: since, Limit: limit}) {
		if err != nil {
			return sessions, err
		}
		if run.Record.Scope != run.Scope || run.Ended != run.Record.Ended {
			t.Errorf("%s: got %+v", run.Name, run)
		}
		sessions = append(sessions, run.Record.Session)
	}
	return sessions, nil
}

func TestRuns(t *testing.T) {
	c := newContainer()
	for i := range 30 {
		c.put(t, record(trust.Trusted, now.Add(-time.Duration(i)*7*time.Hour), fmt.Sprintf("t%d", i)), nil)
		c.put(t, record("pr-7", now.Add(-time.Duration(i)*7*time.Hour-time.Hour), fmt.Sprintf("p%d", i)), nil)
	}
	c.put(t, record("pr-70", now, "other"), nil)
	c.put(t, record("pr-7", time.Now().Add(48*time.Hour), "future"), nil)
	c.blobs["team/v1/pr-7/runs/2026-99-99/000000-x"] = stored{}
	c.blobs["team/v1/pr-7/123"] = stored{}

	got, err := read(t, reader(c), []trust.Scope{trust.Trusted, "pr-7", "pr-7"}, now.Add(-14*time.Hour-time.Minute), 0)
	if want := []string{"t0", "p0", "t1", "p1", "t2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("since 14 hours: got %v, %v; want %v", got, err, want)
	}
	got, err = read(t, reader(c), []trust.Scope{trust.Trusted, "pr-7"}, time.Time{}, 2)
	if want := []string{"t0", "p0", "t1", "p1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("limit 2: got %v, %v; want %v", got, err, want)
	}
	c.gets, c.most = 0, 0
	got, err = read(t, reader(c), []trust.Scope{"pr-7"}, time.Time{}, 0)
	if err != nil || len(got) != 30 || c.gets != 30 || c.most > 8 {
		t.Errorf("got %d runs, %v, with %d requests, %d at a time; want 30 with 30, at most 8", len(got), err, c.gets, c.most)
	}
	for range reader(c).Runs(t.Context(), []trust.Scope{"pr-7"}, history.Query{}) {
		break // must not leave goroutines or deadlock
	}
}

// A query selects by names, before it counts and before it reads.
func TestQuery(t *testing.T) {
	c := newContainer()
	for i := range 10 {
		c.put(t, record("pr-7", now.Add(-time.Duration(i)*7*time.Hour), fmt.Sprintf("p%d", i)), nil)
	}
	for name, test := range map[string]struct {
		query     history.Query
		want      string
		isLimited bool
	}{
		"not what ended later":       {history.Query{Until: now.Add(-20 * time.Hour), Limit: 2}, "p3 p4", true},
		"the same second":            {history.Query{Until: now.Add(-21 * time.Hour), Limit: 1}, "p3", true},
		"a session":                  {history.Query{Session: "p9", Limit: 1}, "p9", false},
		"not the session of the run": {history.Query{Except: "p0", Limit: 1}, "p1", true},
		"the newest of a day":        {history.Query{Since: now.Add(-8 * time.Hour), Limit: 1}, "p0", true},
		"a day":                      {history.Query{Since: now.Add(-8 * time.Hour), Limit: 2}, "p0 p1", false},
		"all":                        {history.Query{Limit: 10}, "p0 p1 p2 p3 p4 p5 p6 p7 p8 p9", false},
		"all but one":                {history.Query{Limit: 9}, "p0 p1 p2 p3 p4 p5 p6 p7 p8", true},
	} {
		r := reader(c)
		c.gets = 0
		var got []string
		for run, err := range r.Runs(t.Context(), []trust.Scope{"pr-7"}, test.query) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, run.Record.Session)
		}
		if strings.Join(got, " ") != test.want || c.gets != len(got) || r.Skipped().IsLimited != test.isLimited {
			t.Errorf("%s: got %v with %d requests, %+v; want %s, limited: %v", name, got, c.gets, r.Skipped(), test.want, test.isLimited)
		}
	}
}

// A panic while a record is fetched must not end a server.
func TestFetchPanics(t *testing.T) {
	c := newContainer()
	c.put(t, record("pr-7", now, "last"), nil)
	r := &history.Reader{Prefix: prefix, ContainerOf: func(trust.Scope) history.Container { return panicking{c} }}
	if got, err := read(t, r, []trust.Scope{"pr-7"}, time.Time{}, 0); err != nil || len(got) > 0 || r.Skipped().Unreadable != 1 {
		t.Errorf("got %v, %v, %+v; want an unreadable record", got, err, r.Skipped())
	}
}

type panicking struct{ *container }

func (panicking) Get(context.Context, string) (*cache.Blob, error) { panic("a foreign blob") }

// One bad record never stops the walk.
func TestRunsOfHostileRecords(t *testing.T) {
	c := newContainer()
	at := func(i int) time.Time { return now.Add(-time.Duration(i) * time.Minute) }
	c.put(t, record("pr-7", at(0), "first"), nil)
	c.put(t, record("pr-7", at(100), "last"), nil)
	for i, change := range []func(*stored){
		func(b *stored) { b.body = []byte("no zstd") },
		func(b *stored) { b.metadata = nil },
		func(b *stored) { b.body = b.body[:len(b.body)-3] },
		func(b *stored) { b.err = &cache.UnreadableError{Err: errors.New("it is archived")} },
		func(b *stored) { b.err = errors.New("customer-provided key") },
		func(b *stored) { b.body = make([]byte, runs.MaxBody+1) },
	} {
		name := c.put(t, record("pr-7", at(i+1), fmt.Sprintf("bad%d", i)), nil)
		blob := c.blobs[name]
		change(&blob)
		c.blobs[name] = blob
	}
	// Records under another name: of another scope, time or session.
	for i, other := range []*runs.Record{record(trust.Trusted, at(20), "moved0"), record("pr-7", at(21), "moved1"), record("pr-7", at(22), "moved")} {
		name := c.put(t, other, nil)
		blob := c.blobs[name]
		delete(c.blobs, name)
		c.blobs[runs.Name(prefix, "pr-7", at(20+2*i), fmt.Sprintf("moved%d", i))] = blob
	}
	r := reader(c)
	got, err := read(t, r, []trust.Scope{"pr-7"}, time.Time{}, 0)
	if want := []string{"first", "last"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	_, _ = read(t, r, []trust.Scope{"pr-7"}, time.Time{}, 0) // counts nothing twice
	if skipped := r.Skipped(); skipped.Unreadable != 9 || skipped.Unverified != 0 || skipped.First == nil {
		t.Errorf("got %+v, want 9 unreadable records and why", skipped)
	}
}

func TestRunsOfFailingStorage(t *testing.T) {
	c := newContainer()
	for i := range 20 {
		name := c.put(t, record("pr-7", now.Add(-time.Duration(i)*time.Minute), fmt.Sprint(i)), nil)
		if i > 0 {
			c.blobs[name] = stored{err: errors.New("the storage does not respond")}
		}
	}
	got, err := read(t, reader(c), []trust.Scope{"pr-7"}, time.Time{}, 0)
	if err == nil || len(got) != 1 || c.gets > 15 {
		t.Errorf("failing requests: got %v, %v with %d requests; want one run, an error, at most 15", got, err, c.gets)
	}
	refused := &cache.ConfigError{Err: errors.New("listing is not permitted")}
	c.listErr = refused
	if got, err := read(t, reader(c), []trust.Scope{"pr-7"}, time.Time{}, 0); !errors.Is(err, refused) || got != nil {
		t.Errorf("without the permission to list: got %v, %v; want %v", got, err, refused)
	}
}

func TestSignedRuns(t *testing.T) {
	key, other := newKey(t), newKey(t)
	verifier, err := trust.NewVerifier([]trust.PublicKey{key.Public()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newContainer()
	at := func(i int) time.Time { return now.Add(-time.Duration(i) * time.Minute) }
	c.put(t, record(trust.Trusted, at(0), "signed"), trust.NewSigner(key))
	c.put(t, record(trust.Trusted, at(1), "unsigned"), nil)
	c.put(t, record(trust.Trusted, at(2), "stranger"), trust.NewSigner(other))
	c.put(t, record("pr-7", at(3), "pull"), nil)
	moved := c.put(t, record(trust.Trusted, at(4), "moved"), trust.NewSigner(key))
	replaced := c.blobs[c.put(t, record(trust.Trusted, at(5), "replaced"), nil)]
	replaced.metadata["dsse"] = c.blobs[moved].metadata["dsse"]
	c.blobs[runs.Name(prefix, trust.Trusted, at(4), "moved")] = replaced

	r := reader(c)
	r.Verifier = verifier
	var got []string
	for run, err := range r.Runs(t.Context(), []trust.Scope{trust.Trusted, "pr-7"}, history.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(run.Record.Session, " ", run.Signed))
	}
	if want := []string{"signed true", "pull false"}; !slices.Equal(got, want) || r.Skipped().Unverified != 4 {
		t.Errorf("got %v, %+v; want %v and 4 unverified", got, r.Skipped(), want)
	}
}

func newKey(t *testing.T) trust.PrivateKey {
	t.Helper()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// endless has many records in one day. It measures the memory that is in use at the end of
// the list.
type endless struct {
	*container
	n     int
	inUse *uint64
}

func (e endless) List(_ context.Context, prefix string) iter.Seq2[azure.Properties, error] {
	return func(yield func(azure.Properties, error) bool) {
		for i := range e.n {
			name := fmt.Sprintf("%s%02d%02d%02d-s%d", prefix, i/36000, i/600%60, i/10%60, i)
			if !yield(azure.Properties{Name: name, Size: 1}, nil) {
				return
			}
		}
		*e.inUse = inUse()
	}
}

func inUse() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// A pull request may write any number of records.
func TestRunsOfManyRecords(t *testing.T) {
	c := newContainer()
	c.put(t, record("pr-7", now, "first"), nil)
	before, atEnd := inUse(), uint64(0)
	r := &history.Reader{Prefix: prefix, ContainerOf: func(trust.Scope) history.Container { return endless{c, 200_000, &atEnd} }}
	if _, err := read(t, r, []trust.Scope{"pr-7"}, time.Time{}, 4); err != nil {
		t.Fatal(err)
	}
	if c.gets != 4 {
		t.Errorf("got %d requests, want 4", c.gets)
	}
	// All names would take 20 MB.
	if atEnd > before+1<<20 {
		t.Errorf("%d KiB were in use, %d before: want no more than the newest names", atEnd>>10, before>>10)
	}
}
