package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// Runs that ended later do not count against --limit. A session is found whatever the limit.
func TestExplainLimit(t *testing.T) {
	e := newExplainTest(t)
	const files = " | shop:apps/shop/**/*="
	e.store(e.runRecord("15-old", trust.Trusted, 6*hour, 0, "shop:lint | 8 | stored"))
	e.store(e.runRecord("16-before", trust.Trusted, 4*hour, 0, "shop:build | 1 | stored"+files+"1"))
	e.store(e.runRecord("17-explained", trust.Trusted, 2*hour, 1, "shop:build | 2 | stored"+files+"2", "shop:lint | 9 | stored"))
	e.store(e.runRecord("18-during", trust.Trusted, 2*hour-30*time.Second, 1, "shop:e2e | 3 | stored"))
	e.store(e.runRecord("19-after", trust.Trusted, 90*time.Minute, 1, "shop:e2e | 3 | stored"))
	for i := range 5 {
		e.store(e.runRecord(fmt.Sprintf("2%d-later", i), trust.Trusted, time.Duration(i)*time.Minute, 1, "shop:test | 4 | stored"))
	}
	got := e.explain("--run", "17-explained", "--limit", "3")
	if !strings.Contains(got, "files of shop changed: apps/shop/a.ts") {
		t.Errorf("got\n%s\nwant what differs from the run before", got)
	}
	if want := "first time: no record among the newest 3 of each scope has this task\n  Fix: --limit 0 reads older records, too"; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got = e.explain("--run", "17-explained", "--limit", "0")
	if strings.Contains(got, "first time") {
		t.Errorf("--limit 0: got\n%s", got)
	}
	stdout, _, err := e.run("explain", "--run", "17-explained", "--json")
	if want := `"records": 3,`; err != nil || !strings.Contains(stdout, want) { // not its own, and no later one
		t.Errorf("got %v and %s, want %s", err, stdout, want)
	}
	for _, test := range []struct{ run, limit, where, fix string }{
		{"https://github.com/acme/shop/actions/runs/99", "2", "among the newest 2 of each scope", "--limit 0 reads older ones"},
		{"https://github.com/acme/shop/actions/runs/99", "0", "since 20", "an earlier --since reads older ones"},
		{"17-unknown", "2", "since 20", "an earlier --since reads older ones"}, // a session
	} {
		_, _, err := e.run("explain", "--run", test.run, "--limit", test.limit)
		if err == nil || !strings.Contains(err.Error(), test.where) || !strings.Contains(err.Error(), test.fix) {
			t.Errorf("%+v: got %v", test, err)
		}
	}
}

// A record that cannot be used costs a note, and no search.
func TestExplainBesideJunk(t *testing.T) {
	e := newExplainTest(t)
	e.putBlob(inventoryContainer, runs.Name("team", trust.Trusted, time.Now().Add(-hour), "1-junk"), azuretest.Blob{Body: []byte("junk")})
	e.store(e.runRecord("18", trust.PullRequest("7"), hour, 1, "shop:lint | 9 | stored"))
	e.leave(e.runRecord("last", trust.Local, 0, 1, "shop:lint | 9 | stored"))
	got := e.explain()
	for _, want := range []string{"only pr-7 has it", "Note: 1 record was ignored: "} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q", got, want)
		}
	}
	e.leave(e.runRecord("last", trust.Local, 0, 1, "shop:e2e | 5 | stored"))
	if got, want := e.explain(), "there is no record to compare with: 1 record was ignored: "; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant %q", got, want)
	}
}
