package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// enough failures in a row trip a breaker.
const enough = 5

// storage counts requests, and ends them as the test says.
type storage struct {
	requests int
	err      error
	body     error // in the middle of the body, if err is nil
}

func (s *storage) Get(context.Context, string) (*cache.Blob, error) {
	s.requests++
	if s.err != nil {
		return nil, s.err
	}
	body := io.Reader(strings.NewReader("content"))
	if s.body != nil {
		body = io.MultiReader(body, iotest.ErrReader(s.body))
	}
	return &cache.Blob{Body: io.NopCloser(body), Size: 7, ETag: `"1"`}, nil
}

func (s *storage) Exists(context.Context, string) (bool, error) {
	s.requests++
	return s.err == nil, s.err
}

func (s *storage) Put(context.Context, string, io.ReadSeeker, cache.Metadata) error {
	s.requests++
	return s.err
}

func (s *storage) Replace(context.Context, string, string, io.ReadSeeker, cache.Metadata) error {
	s.requests++
	return s.err
}

// operations are the requests of a cache.Blobs. get also reads the body.
var operations = map[string]func(cache.Blobs) error{
	"get": func(b cache.Blobs) error {
		blob, err := b.Get(context.Background(), "a")
		if err != nil {
			return err
		}
		_, err = io.ReadAll(blob.Body)
		return errors.Join(err, blob.Body.Close())
	},
	"look": func(b cache.Blobs) error {
		exists, err := b.Exists(context.Background(), "a")
		if err == nil && !exists {
			return cache.ErrNotFound
		}
		return err
	},
	"put": func(b cache.Blobs) error { return b.Put(context.Background(), "a", strings.NewReader("x"), nil) },
	"replace": func(b cache.Blobs) error {
		return b.Replace(context.Background(), "a", `"1"`, strings.NewReader("x"), nil)
	},
}

// step is a number of requests, one after the other, and how they end.
type step struct {
	operation string
	times     int
	err       error
	body      error
}

var (
	errReset  = errors.New("connection reset by peer")
	errStall  = fmt.Errorf("get URL/a: %w (no data was transferred within 15s)", cache.ErrTimeLimit)
	errRights = &cache.ConfigError{Err: errors.New("the identity needs a role")}
)

// Each step's requests reach the storage, and the breaker returns their errors.
func TestBreaker(t *testing.T) {
	const open, off = true, false
	for name, test := range map[string]struct {
		steps []step
		reads bool // whether reads are sent after that
		write bool
	}{
		"nothing":                   {nil, open, open},
		"one failure too few":       {[]step{{"get", enough - 1, errReset, nil}}, open, open},
		"many failing gets":         {[]step{{"get", enough, errReset, nil}}, off, off},
		"many failing looks":        {[]step{{"look", enough, errReset, nil}}, off, off},
		"many failing puts":         {[]step{{"put", enough, errReset, nil}}, off, off},
		"many failing replacements": {[]step{{"replace", enough, errReset, nil}}, off, off},
		"all kinds of failures": {[]step{
			{"get", 2, errReset, nil}, {"put", 1, errors.New("503"), nil}, {"replace", 1, errReset, nil}, {"get", 1, nil, errReset},
		}, off, off},
		"many broken bodies":          {[]step{{"get", enough, nil, errReset}}, off, off},
		"a success in between":        {[]step{{"get", enough - 1, errReset, nil}, {"put", 1, nil, nil}, {"get", enough - 1, errReset, nil}}, open, open},
		"a complete body in between":  {[]step{{"put", enough - 1, errReset, nil}, {"get", 1, nil, nil}, {"put", enough - 1, errReset, nil}}, open, open},
		"a miss in between":           {[]step{{"get", enough - 1, errReset, nil}, {"get", 1, cache.ErrNotFound, nil}, {"get", enough - 1, errReset, nil}}, open, open},
		"an existing name in between": {[]step{{"get", enough - 1, errReset, nil}, {"put", 1, cache.ErrExists, nil}, {"get", enough - 1, errReset, nil}}, open, open},
		"misses":                      {[]step{{"get", 3 * enough, cache.ErrNotFound, nil}}, open, open},
		"misses in the body":          {[]step{{"get", 3 * enough, nil, cache.ErrNotFound}}, open, open},
		"existing names":              {[]step{{"put", 3 * enough, cache.ErrExists, nil}, {"replace", 3 * enough, cache.ErrExists, nil}}, open, open},
		"unreadable blobs":            {[]step{{"get", 3 * enough, &cache.UnreadableError{Err: errors.New("409 BlobArchived")}, nil}}, open, open},
		"too many open files":         {[]step{{"get", 3 * enough, fmt.Errorf("get: %w", fileerror.NewTooMany(syscall.EMFILE)), nil}, {"put", 3 * enough, fileerror.NewTooMany(syscall.ENFILE), nil}}, open, open},
		"cancellations":               {[]step{{"get", 3 * enough, context.Canceled, nil}, {"put", 3 * enough, fmt.Errorf("put: %w", context.Canceled), nil}}, open, open},
		"cancellations in bodies":     {[]step{{"get", 3 * enough, nil, context.Canceled}}, open, open},
		"a cancellation in between":   {[]step{{"get", enough - 1, errReset, nil}, {"get", 1, context.Canceled, nil}, {"get", 1, errReset, nil}}, off, off},
		"a time limit":                {[]step{{"get", 1, errStall, nil}}, off, off},
		"a time limit of a put":       {[]step{{"put", 1, errStall, nil}}, off, off},
		"a time limit in a body":      {[]step{{"get", 1, nil, errStall}}, off, off},
		"no permission to read":       {[]step{{"get", 1, errRights, nil}}, off, open},
		"no permission to look":       {[]step{{"look", 1, errRights, nil}}, off, open},
		"no permission in a body":     {[]step{{"get", 1, nil, errRights}}, off, open},
		"no permission to write":      {[]step{{"put", 1, errRights, nil}}, open, off},
		"no permission to replace":    {[]step{{"replace", 1, fmt.Errorf("store: %w", errRights), nil}}, open, off},
		"no permission at all":        {[]step{{"put", 1, errRights, nil}, {"get", 1, errRights, nil}}, off, off},
	} {
		t.Run(name, func(t *testing.T) {
			s := new(storage)
			b := cache.NewBreaker(s)
			for _, step := range test.steps {
				for range step.times {
					before := s.requests
					s.err, s.body = step.err, step.body
					want := errors.Join(step.err, step.body)
					err := operations[step.operation](b)
					if (err == nil) != (want == nil) || errors.Is(err, cache.ErrOff) || s.requests != before+1 {
						t.Fatalf("%s: got %v and %d requests, want %v and one", step.operation, err, s.requests-before, want)
					}
				}
			}
			s.err, s.body = nil, nil
			for name, operation := range operations {
				sent := test.write
				if name == "get" || name == "look" {
					sent = test.reads
				}
				before := s.requests
				if err := operation(b); (err == nil) != sent || (s.requests > before) != sent {
					t.Errorf("%s: got %v and %d requests, want it sent: %t", name, err, s.requests-before, sent)
				}
			}
		})
	}
}

// The error of a rejected request names the failure that tripped the breaker.
func TestBreakerNamesTheFailure(t *testing.T) {
	for name, test := range map[string]struct {
		steps []step
		late  error // of a body that was opened before
		want  string
	}{
		"the last failure": {
			[]step{{"get", enough - 1, errors.New("503"), nil}, {"get", 1, errReset, nil}}, nil,
			"connection reset by peer; the remote cache is off for the rest of this run",
		},
		"not a later cancellation": {
			[]step{{"get", enough, errReset, nil}}, context.Canceled,
			"connection reset by peer; the remote cache is off for the rest of this run",
		},
		"the limit, not a later failure": {
			[]step{{"get", 1, errReset, nil}, {"get", 1, errStall, nil}}, errReset,
			"get URL/a: time limit (no data was transferred within 15s); the remote cache is off for the rest of this run",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &storage{body: test.late}
			b := cache.NewBreaker(s)
			open, err := b.Get(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range test.steps {
				for range step.times {
					s.err = step.err
					_ = operations[step.operation](b) // TestBreaker checks the error
				}
			}
			_, _ = io.ReadAll(open.Body)
			s.err = nil
			if err := operations["put"](b); !errors.Is(err, cache.ErrOff) || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
	t.Run("the settings", func(t *testing.T) {
		s := &storage{err: errRights}
		b := cache.NewBreaker(s)
		for range 3 {
			err := operations["get"](b)
			if config, ok := errors.AsType[*cache.ConfigError](err); !ok || config.Error() != "the identity needs a role" || errors.Is(err, cache.ErrOff) {
				t.Errorf("got %v, want the same each time", err)
			}
		}
	})
}

// A request that is in progress when the breaker trips continues.
func TestBreakerLeavesOpenBodies(t *testing.T) {
	s := new(storage)
	b := cache.NewBreaker(s)
	blob, err := b.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	s.err = errStall
	_ = operations["put"](b) // trips it
	if content, err := io.ReadAll(blob.Body); err != nil || string(content) != "content" {
		t.Errorf("got %q, %v; want the content", content, err)
	}
	if blob.Size != 7 || blob.ETag != `"1"` {
		t.Errorf("got %+v, want the blob of the storage", blob)
	}
}

func TestBreakerWithConcurrentRequests(t *testing.T) {
	const many = 50
	var requests atomic.Int64
	b := cache.NewBreaker(blobsFunc{Memory: new(cachetest.Memory), get: func(context.Context, string) (*cache.Blob, error) {
		requests.Add(1)
		return nil, errReset
	}})
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			for range many {
				_ = operations["get"](b)
			}
		})
	}
	wg.Wait()
	// Requests in progress when it tripped had been sent.
	if got := requests.Load(); got < enough || got > enough+many {
		t.Errorf("got %d requests, want %d and those in progress", got, enough)
	}
	if err := operations["get"](b); !errors.Is(err, cache.ErrOff) {
		t.Errorf("got %v, want %v", err, cache.ErrOff)
	}
}

// slow is the error of a time limit. The breaker checks twice whether an error is a
// cancellation. The second check comes when it counts the error, and calls then.
type slow struct {
	asked *atomic.Int64
	then  func()
}

func (slow) Error() string { return "too slow" }

func (s slow) Is(target error) bool {
	if target == context.Canceled && s.asked.Add(1) == 2 {
		s.then()
	}
	return target == cache.ErrTimeLimit
}

// A time limit trips the breaker, whatever else fails at the same time.
func TestBreakerWithAFailureDuringATimeLimit(t *testing.T) {
	sent, fail := make(chan struct{}), make(chan struct{})
	limit := slow{new(atomic.Int64), func() {
		close(fail)
		time.Sleep(20 * time.Millisecond) // until the breaker has noted the failure of put and waits to count it
	}}
	b := cache.NewBreaker(blobsFunc{
		Memory: new(cachetest.Memory),
		get:    func(context.Context, string) (*cache.Blob, error) { return nil, limit },
		put: func(context.Context, string, io.ReadSeeker, cache.Metadata) error {
			close(sent)
			<-fail
			return errReset
		},
	})
	var beside sync.WaitGroup
	beside.Go(func() { _ = operations["put"](b) })
	<-sent
	_ = operations["get"](b)
	beside.Wait()
	if got := limit.asked.Load(); got < 2 {
		t.Fatalf("checked %d times: the test tested nothing", got)
	}
	if err := operations["replace"](b); !errors.Is(err, cache.ErrOff) {
		t.Errorf("got %v, want %v", err, cache.ErrOff)
	}
}

// A damaged entry is not a failure of the storage.
func TestDamageDoesNotTrip(t *testing.T) {
	dir := cachetest.TempDir(t)
	blobs := stored(t, "1", "2")
	blobs.Alter(blobName("1"), func(b *cachetest.Blob) { b.Content[len(b.Content)/2] ^= 1 })
	c := newCache(t, cache.NewBreaker(blobs))
	for range 3 * enough {
		if _, err := c.Retrieve(t.Context(), "1", dir); !errors.Is(err, cache.ErrDamaged) {
			t.Fatalf("got %v, want %v", err, cache.ErrDamaged)
		}
	}
	if _, err := c.Retrieve(t.Context(), "2", dir); err != nil {
		t.Errorf("another entry: %v", err)
	}
}
