package runs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

func TestNames(t *testing.T) {
	// 01:02 in Berlin is the day before in UTC.
	ended := time.Date(2026, 12, 1, 0, 2, 3, 999e6, time.FixedZone("", 3600))
	name := runs.Name("team/a", "pr-7", ended, "12-ab")
	if want := "team/a/v1/pr-7/runs/2026-11-30/230203-12-ab"; name != want {
		t.Errorf("got %s, want %s", name, want)
	}
	if day := runs.DayPrefix("team/a", "pr-7", ended); !strings.HasPrefix(name, day) || !strings.HasSuffix(day, "/") {
		t.Errorf("got the prefix %s", day)
	}
	scope, at, session, ok := runs.ParseName("team/a", name)
	if !ok || scope != "pr-7" || !at.Equal(ended.Truncate(time.Second)) || session != "12-ab" {
		t.Errorf("got %v %v %v %v", scope, at, session, ok)
	}
	if day, ok := runs.ParseDay("team/a", "pr-7", runs.DayPrefix("team/a", "pr-7", ended)); !ok || !day.Equal(time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("got the day %v, %v", day, ok)
	}
	for _, day := range []string{"", "v1/pr-7/runs/", "v1/pr-7/runs/2026-11-31/", "v1/pr-7/runs/2026-1-1/", "v1/pr-7/runs/2026-11-30", "v1/pr-70/runs/2026-11-30/"} {
		if _, ok := runs.ParseDay("", "pr-7", day); ok {
			t.Errorf("%q is a day", day)
		}
	}
}

func TestOtherNames(t *testing.T) {
	good := runs.Name("", trust.Trusted, time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC), "s")
	if _, _, _, ok := runs.ParseName("", good); !ok {
		t.Fatalf("%s is no record", good)
	}
	for _, name := range []string{
		"", "v1/", "v1/trusted", "v1/trusted/123", "v1/trusted/runs", "v1/trusted/runs/2026-11-30/", "v1/trusted/runs/2026-11-30/010203",
		"v1/trusted/runs/2026-11-30/010203-", "v1/trusted/runs/2026-11-30/010203_s", "v1/trusted/runs/2026-11-31/010203-s", "v1/trusted/runs/2026-11-30/250203-s",
		"v1/trusted/runs/2026-11-30/010203-s/x", "v1/trusted/runs/2026-11-30/010203-a b", "v1/trusted/runs/2026-11-30/010203-" + strings.Repeat("s", 65),
		"v1//runs/2026-11-30/010203-s", "v1/a\nb/runs/2026-11-30/010203-s", "v1/trusted/Runs/2026-11-30/010203-s", "v1/runs/2026-11-30/010203-s",
		"x/" + good, "/" + good, good + "\x00", good + ".", "v1/trusted/runs/+026-11-30/010203-s", "v1/trusted/runs/2026-11-30/01020\u0663-s",
	} {
		if _, _, _, ok := runs.ParseName("", name); ok {
			t.Errorf("%q is a record", name)
		}
	}
}

// No entry has the name of a record, and no record that of an entry, whatever the prefixes,
// the scopes and the hash: nothing that is read as a result can be a record.
func TestRecordsAreNoEntries(t *testing.T) {
	record := runs.Name("team", trust.Trusted, time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC), "123")
	for _, prefix := range []string{"", "team", "team/v1", "team/v1/trusted", "team/v1/trusted/runs", "team/v1/trusted/runs/2026-11-30"} {
		if scope, hash, ok := cache.ParseName(prefix, record); ok {
			t.Errorf("with the prefix %q, the record is the entry %s in %s", prefix, hash, scope)
		}
	}
	for _, entry := range []string{cache.Name("team", trust.Trusted, "123"), cache.Name("team", "runs", "123"), cache.Name("team/v1/trusted/runs", "2026-11-30", "010203-123")} {
		for _, prefix := range []string{"", "team", "team/v1/trusted/runs"} {
			if _, _, _, ok := runs.ParseName(prefix, entry); ok {
				t.Errorf("with the prefix %q, the entry %s is a record", prefix, entry)
			}
		}
	}
}
