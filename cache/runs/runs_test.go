package runs_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

func ms(n int64) *int64 { return &n }

// sample is a record as a CI run writes it.
func sample() *runs.Record {
	ended := time.Date(2026, 11, 30, 10, 0, 41, 123e6, time.UTC)
	return &runs.Record{
		Format: runs.Format, Session: "1234-abcdef", Started: ended.Add(-41 * time.Second), Ended: ended,
		Scope: trust.Trusted, Mode: cache.ReadWrite, CI: true,
		Source: runs.Source{Repository: "acme/shop", Ref: "refs/heads/main", Commit: "3f2c1ab4", Run: "https://github.com/acme/shop/actions/runs/1"},
		Nx:     "24.0.6", Tool: "nx-azure-cache 1.2.3", OS: "linux", Arch: "amd64",
		Totals: runs.Totals{Summary: cache.Summary{Hits: 1, Misses: 1, Stored: 1, BytesRead: 2048, BytesWritten: 4096, Saved: 30_000}, LocalHits: 1, Waited: 120},
		Inputs: []runs.Input{{"AllExternalDependencies", 12}, {"env:CI", 7}, {"shop:shop/**/*", 51234}},
		Tasks: []runs.Task{
			{ID: "shop:build:production", Hash: "12345678901234567890", Outcome: runs.Stored, Bytes: 4096, Ran: ms(9_876), Inputs: []int{0, 1, 2}},
			{ID: "colors:build", Hash: "2345678901234567890", Outcome: runs.RemoteHit, From: trust.Trusted, Bytes: 2048, Saved: ms(30_000), Inputs: []int{0, 1}},
			{ID: "colors:lint", Hash: "345678901234567890", Outcome: runs.LocalHit},
			{ID: "shop:test", Hash: "45678901234567890", Outcome: runs.NotStored, Lookup: runs.LookupFailed, Reason: "the storage did not respond", Diagnostic: "NXAC041", Ran: ms(0)},
		},
		Omitted: 2,
	}
}

func encode(t *testing.T, r *runs.Record) []byte {
	t.Helper()
	body, err := runs.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func decode(t *testing.T, body []byte) *runs.Record {
	t.Helper()
	r, err := runs.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRoundTrip(t *testing.T) {
	body := encode(t, sample())
	if got := decode(t, body); !reflect.DeepEqual(got, sample()) {
		t.Errorf("got %+v, want %+v", got, sample())
	}
	if again := encode(t, decode(t, body)); !bytes.Equal(again, body) {
		t.Error("a second encoding differs")
	}
}
