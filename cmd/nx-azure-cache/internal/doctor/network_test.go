package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// If a storage accepts connections and never responds, doctor waits for one or two time
// limits, not for one per check.
func TestDoctorOfASilentStorage(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	held := storage.Service.AddFault(faults.Fault{Action: faults.Hold})
	defer held.Release()
	const config = `{"container": "artifacts", "timeouts": {"firstByte": "100ms"}}`
	e := examineWhole(t, testenv.LicensedEnv(t, testenv.MainRun, config, connection))
	if e.ExitCode == 0 {
		t.Errorf("got the exit code 0 of %s", e.text)
	}
	e.in(t, report.Network, transport.StepHTTP).mustBe(t, report.Failed, "azure.timeouts.firstByte")
	e.mustSkipStorage(t)
	if got := storage.TakeRequests(); len(got) > 1 {
		t.Errorf("got the requests %q, want one", got)
	}
}

// For a missing proxy, an unset proxy password or a captive portal, doctor reports the
// cause in a row and tries nothing after it.
func TestDoctorOfTheNetwork(t *testing.T) {
	service := azuretest.New(azuretest.Options{Account: testenv.StorageAccount, Containers: []string{testenv.Container}})
	page := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome to our hotel") }
	dated := func(at time.Duration) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(at).UTC().Format(http.TimeFormat))
			service.ServeHTTP(w, r)
		}
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		id      string
		want    report.Status
		says    string
		reached bool
	}{
		{"a page", page, transport.StepHTTP, report.Failed, "", false},
		{"a good clock", service.ServeHTTP, "clock", report.OK, "in sync with", true},
		{"a clock that is late", dated(time.Hour), "clock", report.Failed, "behind Azure's", true},
		{"a clock that is early", dated(-time.Hour), "clock", report.Failed, "ahead of Azure's", true},
		{"a clock that is a little late", dated(90 * time.Second), "clock", report.OK, "harmless", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.handler)
			t.Cleanup(server.Close)
			e := examineWhole(t, testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, testenv.ConnectionStringFor(server.Listener.Addr().String())))
			e.in(t, report.Network, test.id).mustBe(t, test.want, test.says)
			if test.reached {
				e.in(t, report.Rights, "write.create").mustBe(t, report.OK, "created")
			} else {
				e.mustSkipStorage(t)
			}
			if e.Network == nil || len(e.Network.Steps) == 0 || (e.Network.SkewSeconds != nil) != test.reached {
				t.Errorf("got %+v, want the steps", e.Network)
			}
		})
	}
	t.Run("a proxy", func(t *testing.T) {
		environment := testenv.LicensedEnv(t, testenv.MainRun, `{"container": "artifacts", "accountName": "nxcache"}`, "")
		environment["HTTPS_PROXY"] = "http://me:TOPSECRET@127.0.0.1:1"
		environment[config.SASVariable] = "https://nxcache.blob.core.windows.net/artifacts?sp=r&sig=TOPSECRET"
		e := examineWhole(t, environment)
		e.in(t, report.Network, "proxies").mustBe(t, report.OK, "http://127.0.0.1:1, by HTTPS_PROXY")
		e.in(t, report.Network, transport.StepConnect).mustBe(t, report.Failed, "HTTPS_PROXY")
		e.mustSkipStorage(t)
		if strings.Contains(e.text, "TOPSECRET") {
			t.Errorf("got a secret in %s", e.text)
		}
	})
}
