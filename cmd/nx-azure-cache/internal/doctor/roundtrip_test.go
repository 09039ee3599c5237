package doctor

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// If doctor cannot delete entries, it writes no large one, but still measures reading.
func TestDoctorRoundTripWithoutDelete(t *testing.T) {
	storage, _ := testenv.StartStorage(t)
	storage.Service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true, Create: true, WriteTo: []string{"*/v1/pr-12/*"}})
	e := examineWhole(t, testenv.LicensedEnv(t, testenv.PullRun, testenv.PlainConfig, storage.SASConnection("secret", "rc")))
	if len(e.Leftovers) != 1 || e.RoundTrip.ReadSeconds <= 0 || e.RoundTrip.UpBytesPerSecond != 0 {
		t.Errorf("got %+v and %+v, want one entry left over, and reading measured", e.Leftovers, e.RoundTrip)
	}
	e.in(t, report.RoundTrip, "throughput").mustBe(t, report.Skipped, "could not remove what it writes")
	e.checkLeftovers(t, storage)
}

// doctor tries nothing twice. The part security uses the results of the part rights.
func TestDoctorTriesOnce(t *testing.T) {
	storage, _ := testenv.StartStorage(t)
	storage.Service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true})
	examineWhole(t, testenv.LicensedEnv(t, testenv.PullRun, testenv.PlainConfig, storage.SASConnection("secret", "r")))
	seen := make(map[string]int)
	for _, request := range storage.TakeRequests() {
		if strings.HasPrefix(request, "PUT ") {
			seen[canaries.ReplaceAllString(request, "")]++
		}
	}
	for request, n := range seen {
		if n > 1 {
			t.Errorf("got %s %d times, want once", request, n)
		}
	}
	if len(seen) != 5 {
		t.Errorf("got %v, want a try in each scope", seen)
	}
}

// Ctrl-C during the round trip leaves nothing behind.
func TestDoctorInterruptedDuringTheRoundTrip(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	environment := testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, connection)
	ctx, interrupt := context.WithCancel(t.Context())
	// The part rights sends the first GET, and the round trip the second one.
	first := storage.Service.AddFault(faults.Fault{Method: http.MethodGet, Times: 1, Action: faults.Hold})
	second := storage.Service.AddFault(faults.Fault{Method: http.MethodGet, Action: faults.Hold})
	var stdout string
	var code int
	ended := make(chan error)
	go func() {
		var err error
		stdout, code, err = doctorCommand(ctx, environment, "--json")
		ended <- err
	}()
	<-first.Reached()
	first.Release()
	<-second.Reached()
	if got := storage.Service.Names(testenv.Container); len(got) != roundTrips {
		t.Errorf("got %q during the round trip, want %d entries", got, roundTrips)
	}
	interrupt()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := storage.Service.Names(testenv.Container); len(got) > 0 || code != report.ExitUntried {
		t.Errorf("got %q left and %d, want nothing left and the exit code %d\n%s", got, code, report.ExitUntried, stdout)
	}
}

// deletes is a storage that returns the next of these errors for each Delete.
type deletes struct {
	blobStore
	answers   []error
	requested []string
}

func (d *deletes) Delete(_ context.Context, name, _ string) error {
	d.requested = append(d.requested, name)
	return d.answers[len(d.requested)-1]
}

func TestDoctorStopsCleanUpWithoutResponses(t *testing.T) {
	d := &deletes{answers: []error{nil, &explain.NotPermittedError{}, cache.ErrNotFound, context.DeadlineExceeded}}
	left := tryDeletes(t.Context(), d, []string{"a", "b", "c", "d", "e", "f"})
	if got, want := fmt.Sprint(left, d.requested), "[b d e f] [a b c d]"; got != want {
		t.Errorf("got left and requested %s, want %s", got, want)
	}
}

// On a slow connection, doctor stops the large upload, removes the entry and reports the
// speed.
func TestDoctorOnASlowLine(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	environment := testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, connection)
	e := newExamination(config.Load(environment.Get, &config.Overrides{IsSet: func(string) bool { return false }}), testenv.Version)
	ctx, end := context.WithCancelCause(t.Context())
	e.probe.write(ctx, e.probe.targets[0])
	e.probe.read(ctx, e.probe.targets[0])
	// The held PUT comes after those of small entries.
	var held []*faults.Rule
	for range roundTrips + 1 {
		held = append(held, storage.Service.AddFault(faults.Fault{Method: http.MethodPut, Times: 1, Action: faults.Hold}))
	}
	var r report.Report
	done := make(chan struct{})
	go func() {
		defer close(done)
		examineRoundTrip(ctx, e, &r)
	}()
	for _, rule := range held[:roundTrips] {
		<-rule.Reached()
		rule.Release()
	}
	<-held[roundTrips].Reached()
	end(errPartLimit)
	<-done
	examined{Report: r}.in(t, report.RoundTrip, "up").mustBe(t, report.Warning, "azure.maxArtifactSize")
	if got := storage.Service.Names(testenv.Container); len(got) > 0 || len(e.probe.leftovers()) > 0 {
		t.Errorf("got %q left, want nothing", got)
	}
}
