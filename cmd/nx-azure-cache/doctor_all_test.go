package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// launched is what the npm package tells where all is well.
var launched = &config.Launcher{
	Version: version,
	Checks: []config.LauncherCheck{
		{Part: "package", ID: "nx-cloud", Check: "Nx Cloud", Status: "ok", Seen: "not connected"},
		{Part: "package", ID: "loaded", Check: "the package Nx loads", Status: "ok", Seen: "nx-azure-cache 1.2.3"},
		{Part: "versions", ID: "nx", Check: "Nx", Status: "ok", Seen: "24.0.6"},
	},
}

// wholeEnv is the environment of a run that is examined as a whole.
func wholeEnv(t *testing.T, run testenv.Env, config, connection string) testenv.Env {
	t.Helper()
	environment := doctorEnv(t, run, config, connection)
	environment[license.Variable] = testenv.License(t, "valid.jwt")
	return tell(t, environment, func(document map[string]any) { document["launcher"] = launched })
}

// tell changes what the npm package tells.
func tell(t *testing.T, e testenv.Env, change func(map[string]any)) testenv.Env {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(e[config.WorkspaceVariable]), &document); err != nil {
		t.Fatal(err)
	}
	change(document)
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	changed := maps.Clone(e)
	changed[config.WorkspaceVariable] = string(text)
	return changed
}

// examineWhole runs doctor without --security.
func examineWhole(t *testing.T, environment testenv.Env, args ...string) examined {
	t.Helper()
	stdout, stderr, err := runWith(t, environment, append([]string{"doctor", "--json"}, args...)...)
	it := examined{text: stdout, err: err}
	if stderr != "" {
		t.Errorf("got %q on stderr, want nothing", stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &it.report); err != nil {
		t.Fatalf("got %q: %v", stdout, err)
	}
	if code, _ := err.(exitCode); code != it.ExitCode || (err != nil) != (code != 0) {
		t.Errorf("got the error %v, want the exit code %d", err, it.ExitCode)
	}
	return it
}

// statuses is what was found in a part, by ID.
func (e examined) statuses(of part) map[string]status {
	found := make(map[string]status)
	for _, c := range e.Checks {
		if c.Part == of {
			found[c.ID] = c.Status
		}
	}
	return found
}

// in returns the check with an ID in a part.
func (e examined) in(t *testing.T, of part, id string) check {
	t.Helper()
	for _, c := range e.Checks {
		if c.Part == of && c.ID == id {
			return c
		}
	}
	t.Fatalf("there is no %s in %s of %s", id, of, e.text)
	return check{}
}

// mustBe fails unless a check has a status, and says something.
func (c check) mustBe(t *testing.T, want status, says string) {
	t.Helper()
	if c.Status != want || !strings.Contains(c.Seen+"\n"+c.Fix, says) || c.Fails != (want == failed) {
		t.Errorf("got %+v, want %s: %s", c, want, says)
	}
}

func TestDoctorFindsAllWell(t *testing.T) {
	for name, run := range map[string]testenv.Env{"main": testenv.MainRun, "developer": testenv.DevRun} {
		t.Run(name, func(t *testing.T) {
			storage, _ := startStorage(t)
			rights := azuretest.FullRights()
			if name == "developer" {
				rights.WriteTo = []string{"*/local/*"}
			}
			storage.service.Allow(azuretest.SAS("secret"), rights)
			e := examineWhole(t, wholeEnv(t, run, plainConfig, storage.sasConnection("secret", "rcwd")))
			if e.ExitCode != 0 || len(e.Leftovers) > 0 || e.RoundTrip == nil || e.RoundTrip.UpBytesPerSecond <= 0 || e.RoundTrip.DownBytesPerSecond <= 0 ||
				e.RoundTrip.ReadSeconds <= 0 || e.RoundTrip.WriteSeconds <= 0 {
				t.Errorf("got %s, want all well", e.text)
			}
			for _, c := range e.Checks {
				if c.Part != partSecurity && c.Status != ok {
					t.Errorf("got %+v, want it %s", c, ok)
				}
			}
			e.checkLeftovers(t, storage)
			storage.checkOnlyCanaries(t)
		})
	}
}

// checkOnlyCanaries fails if anything but canaries was touched, and the network's
// question for the container.
func (s *storage) checkOnlyCanaries(t *testing.T) {
	t.Helper()
	for _, request := range s.takeRequests() {
		if request == "HEAD /"+storageAccount+"/"+testContainer {
			continue
		}
		if hash := request[strings.LastIndexByte(request, '/')+1:]; canaries.FindString(hash) != hash {
			t.Errorf("got the request %s, want only those about canaries", request)
		}
	}
}

// What is wrong is told where it is wrong, and what depends on it is skipped.
func TestDoctorFindsWhy(t *testing.T) {
	skippedAll := []part{partRights, partRoundTrip, partSecurity}
	for _, test := range []struct {
		name    string
		config  string
		change  func(testenv.Env)
		part    part
		id      string
		says    string
		skipped []part
	}{
		{"a wrong container", `{"container": "No"}`, nil, partConfig, "setting", "azure.container", append(skippedAll, partSignIn)},
		{"a wrong prefix", `{"container": "artifacts", "prefix": "/a/"}`, nil, partConfig, "setting", "azure.prefix", skippedAll},
		{"no block", `null`, nil, partConfig, "setting", "azure-cache:init", append(skippedAll, partSignIn)},
		{"no container", `{"container": "nothing-here"}`, nil, partRights, "container.nothing-here", "az storage container create", skippedAll[1:]},
		{"no licence", plainConfig, func(e testenv.Env) { e[license.Variable] = "" }, partLicence, "licence", license.Variable, nil},
		{"a wrong licence", plainConfig, func(e testenv.Env) { e[license.Variable] = "rubbish" }, partLicence, "licence", "malformed", nil},
		{"no sign-in", `{"container": "artifacts", "accountName": "nxcache", "credential": "environment"}`, func(e testenv.Env) { e[config.ConnectionVariable] = "" },
			partSignIn, "sign-in", "nobody is signed in", skippedAll},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, connection := startStorage(t)
			environment := wholeEnv(t, testenv.MainRun, test.config, connection)
			if test.change != nil {
				test.change(environment)
			}
			e := examineWhole(t, environment)
			e.in(t, test.part, test.id).mustBe(t, failed, test.says)
			if e.ExitCode != exitFailed {
				t.Errorf("got the exit code %d, want %d", e.ExitCode, exitFailed)
			}
			for _, of := range test.skipped {
				if got := e.statuses(of); !maps.Equal(got, map[string]status{string(of): skipped}) {
					t.Errorf("%s: got %v, want it skipped", of, got)
				}
			}
			// The rest is told all the same.
			for _, of := range []part{partPackage, partVersions, partConfig, partLicence} {
				if len(e.statuses(of)) == 0 {
					t.Errorf("got nothing of %s in %s", of, e.text)
				}
			}
		})
	}
}

// All mistakes are told at once, each in a row of its own.
func TestDoctorTellsAllMistakes(t *testing.T) {
	_, connection := startStorage(t)
	e := examineWhole(t, wholeEnv(t, testenv.DevRun, `{"container": "No", "prefix": "/", "localMode": "nothing", "prefxi": "a"}`, connection))
	var told []string
	for _, c := range e.Checks {
		if c.Part == partConfig && c.Status == failed {
			told = append(told, c.Seen)
		}
	}
	if len(told) != 3 {
		t.Errorf("got %q, want three mistakes", told)
	}
	if text := e.text; !strings.Contains(text, "did you mean prefix") {
		t.Errorf("got %s, want the unknown key, too", text)
	}
}

func TestDoctorRights(t *testing.T) {
	const own = "*/v1/pr-12/*"
	for _, test := range []struct {
		name   string
		run    testenv.Env
		config string
		rights azuretest.Rights
		want   string // statuses of read in trusted and own, create, overwrite, delete
		code   exitCode
	}{
		{"pull request that may all in its own", testenv.PullRun, plainConfig, azuretest.Rights{Read: true, Create: true, Write: true, Delete: true, WriteTo: []string{own}}, "ok ok ok ok ok", 0},
		{"pull request that may create in its own", testenv.PullRun, plainConfig, azuretest.Rights{Read: true, Create: true, WriteTo: []string{own}}, "ok ok ok ok ok", 0},
		{"pull request that may only read", testenv.PullRun, plainConfig, azuretest.Rights{Read: true}, "ok ok failed ok ok", exitFailed},
		{"pull request that may only read, and shall not store", testenv.PullRun, `{"container": "artifacts", "ciMode": "read-only"}`, azuretest.Rights{Read: true}, "ok ok ok ok ok", 0},
		{"pull request that may not read", testenv.PullRun, plainConfig, azuretest.Rights{Create: true, WriteTo: []string{own}}, "failed failed ok ok ok", exitFailed},
		{"main that may create", testenv.MainRun, plainConfig, azuretest.Rights{Read: true, Create: true, WriteTo: []string{"*/trusted/*"}}, "ok - ok warning ok", 0},
		{"main that may write", testenv.MainRun, plainConfig, azuretest.Rights{Read: true, Write: true, WriteTo: []string{"*/trusted/*"}}, "ok - ok ok ok", 0},
		{"run of nobody", testenv.NoRun, plainConfig, azuretest.Rights{Read: true}, "ok - - - -", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			storage, _ := startStorage(t)
			storage.service.Allow(azuretest.SAS("secret"), test.rights)
			e := examineWhole(t, wholeEnv(t, test.run, test.config, storage.sasConnection("secret", "rcwd")))
			found := e.statuses(partRights)
			var got []string
			for _, id := range []string{"trusted.read", "own.read", "write.create", "write.overwrite", "write.delete"} {
				if found[id] == "" {
					found[id] = "-"
				}
				got = append(got, string(found[id]))
			}
			if strings.Join(got, " ") != test.want || e.ExitCode != test.code {
				t.Errorf("got %q and %d, want %q and %d\n%s", got, e.ExitCode, test.want, test.code, e.text)
			}
			for _, c := range e.Checks {
				if (c.Status == failed || c.Status == missing) && c.Fix == "" {
					t.Errorf("got %+v without what to do", c)
				}
			}
			e.checkLeftovers(t, storage)
		})
	}
}

// Where nothing can be removed nothing large is written, and reading is measured.
func TestDoctorRoundTripOfWhoMayNotDelete(t *testing.T) {
	storage, _ := startStorage(t)
	storage.service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true, Create: true, WriteTo: []string{"*/v1/pr-12/*"}})
	e := examineWhole(t, wholeEnv(t, testenv.PullRun, plainConfig, storage.sasConnection("secret", "rc")))
	if len(e.Leftovers) != 1 || e.RoundTrip.ReadSeconds <= 0 || e.RoundTrip.UpBytesPerSecond != 0 {
		t.Errorf("got %+v and %+v, want one entry left over, and reading measured", e.Leftovers, e.RoundTrip)
	}
	e.in(t, partRoundTrip, "throughput").mustBe(t, skipped, "could not be removed")
	e.checkLeftovers(t, storage)
}

// Nothing is tried twice: what part rights knows part security does not ask again.
func TestDoctorTriesOnce(t *testing.T) {
	storage, _ := startStorage(t)
	storage.service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true})
	examineWhole(t, wholeEnv(t, testenv.PullRun, plainConfig, storage.sasConnection("secret", "r")))
	seen := make(map[string]int)
	for _, request := range storage.takeRequests() {
		if strings.HasPrefix(request, "PUT ") {
			seen[canaries.ReplaceAllString(request, "")]++
		}
	}
	for request, n := range seen {
		if n > 1 {
			t.Errorf("got %s %d times, want it once", request, n)
		}
	}
	if len(seen) != 5 {
		t.Errorf("got %v, want a try in each scope", seen)
	}
}

// Ctrl-C in the middle of the round trip leaves nothing behind.
func TestDoctorInterruptedOnTheWay(t *testing.T) {
	storage, connection := startStorage(t)
	environment := wholeEnv(t, testenv.MainRun, plainConfig, connection)
	ctx, interrupt := context.WithCancel(t.Context())
	// The first GET is of the part rights, the second one of the round trip.
	first := storage.service.AddFault(faults.Fault{Method: http.MethodGet, Times: 1, Action: faults.Hold})
	second := storage.service.AddFault(faults.Fault{Method: http.MethodGet, Action: faults.Hold})
	var out, errOut output
	ended := make(chan error)
	go func() {
		ended <- run(ctx, []string{"doctor", "--json"}, world{stdout: &out, stderr: &errOut, getenv: environment.Get, ignore: ignoreNothing})
	}()
	<-first.Reached()
	first.Release()
	<-second.Reached()
	if got := storage.service.Names(testContainer); len(got) != roundTrips {
		t.Errorf("got %q on the way, want %d entries", got, roundTrips)
	}
	interrupt()
	err := <-ended
	if got := storage.service.Names(testContainer); len(got) > 0 || err != exitUntried {
		t.Errorf("got %q left and %v, want nothing left and the exit code %d\n%s", got, err, exitUntried, out.String())
	}
}

// A no-cache run is told that it has none, and the rest is looked at.
func TestDoctorModes(t *testing.T) {
	storage, connection := startStorage(t)
	environment := wholeEnv(t, testenv.MainRun, `{"container": "artifacts", "ciMode": "no-cache"}`, connection)
	examineWhole(t, environment).in(t, partConfig, "mode").mustBe(t, warning, "azure.ciMode in nx.json")
	environment[config.ModeVariable] = "read-only"
	e := examineWhole(t, environment)
	e.in(t, partConfig, "mode").mustBe(t, ok, config.ModeVariable)
	if got := storage.service.Names(testContainer); len(got) > 0 {
		t.Errorf("got %q, want nothing left", got)
	}
	environment = wholeEnv(t, testenv.NoRun, plainConfig, connection)
	examineWhole(t, environment).in(t, partConfig, "mode").mustBe(t, warning, "read-only, though default says read-write")
}

func TestDoctorOfAnotherVersion(t *testing.T) {
	_, connection := startStorage(t)
	environment := tell(t, wholeEnv(t, testenv.MainRun, plainConfig, connection), func(document map[string]any) {
		document["launcher"] = config.Launcher{Version: "9.9.9"}
	})
	examineWhole(t, environment).in(t, partVersions, "binary").mustBe(t, failed, "9.9.9")
	alone := tell(t, environment, func(document map[string]any) { delete(document, "launcher") })
	examineWhole(t, alone).in(t, partPackage, "package").mustBe(t, skipped, "npx nx-azure-cache doctor")
}

// timings are the parts of the output that no run repeats.
var timings = regexp.MustCompile(`\b\d+(\.\d+)?(µs|ms|s)\b|\d+\.\d+ MB/s`)

// secretsEverywhere sets a secret in each variable that may hold one.
func secretsEverywhere(t *testing.T, environment testenv.Env) {
	t.Helper()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	environment[trust.SigningKeyVariable] = string(key.PEM())
	for _, name := range []string{
		"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_ACCESSTOKEN", "NX_CLOUD_ACCESS_TOKEN",
		"NX_SELF_HOSTED_REMOTE_CACHE_ACCESS_TOKEN", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_HEADER", "MSI_SECRET", config.SASVariable,
	} {
		environment[name] = "https://TOPSECRET:TOPSECRET@127.0.0.1:1/?sig=TOPSECRET"
	}
	for name, value := range environment { // which the sign-in reads from the process
		if strings.Contains(value, "TOPSECRET") && name != config.ConnectionVariable {
			t.Setenv(name, value)
		}
	}
}

func TestDoctorWholeOutput(t *testing.T) {
	secrets := regexp.MustCompile(`TOPSECRET|Eby8vdM02|PRIVATE KEY|` + testenv.AccountKey)
	for _, test := range []struct {
		file   string
		run    testenv.Env
		config string
		sas    azuretest.Rights
		args   []string
	}{
		{"whole.txt", testenv.MainRun, plainConfig, azuretest.FullRights(), nil},
		{"whole-wrong.txt", testenv.MainRun, `{"container": "No", "prefix": "/", "endpoint": "?sig=TOPSECRET"}`, azuretest.FullRights(), nil},
		{"whole-read-only.txt", testenv.PullRun, plainConfig, azuretest.Rights{Read: true}, nil},
		{"whole-wrong.json", testenv.MainRun, `{"container": "nothing-here"}`, azuretest.FullRights(), []string{"--json"}},
	} {
		t.Run(test.file, func(t *testing.T) {
			storage, _ := startStorage(t)
			storage.service.Allow(azuretest.SAS("TOPSECRET"), test.sas)
			environment := wholeEnv(t, test.run, test.config, storage.sasConnection("TOPSECRET", "rc"))
			environment[trust.SigningKeyVariable] = ""
			stdout, stderr, _ := runWith(t, environment, append([]string{"doctor"}, test.args...)...)
			compare(t, test.file, timings.ReplaceAllString(stdout, "TIME"))
			if secrets.MatchString(stdout + stderr) {
				t.Errorf("got a secret in %s%s", stdout, stderr)
			}
			secretsEverywhere(t, environment)
			if stdout, stderr, _ := runWith(t, environment, append([]string{"doctor"}, test.args...)...); secrets.MatchString(stdout + stderr) {
				t.Errorf("got a secret in %s%s", stdout, stderr)
			}
			token := strings.Split(testenv.License(t, "valid.jwt"), ".")
			if strings.Contains(stdout, token[2]) {
				t.Errorf("got the licence in %s", stdout)
			}
		})
	}
}

// A storage that takes connections and never answers costs a limit or two, not
// one for each thing that could be tried.
func TestDoctorOfAStorageThatIsSilent(t *testing.T) {
	storage, connection := startStorage(t)
	held := storage.service.AddFault(faults.Fault{Action: faults.Hold})
	defer held.Release()
	const config = `{"container": "artifacts", "timeouts": {"firstByte": "100ms"}}`
	e := examineWhole(t, wholeEnv(t, testenv.MainRun, config, connection))
	if e.ExitCode == 0 {
		t.Errorf("got the exit code 0 of %s", e.text)
	}
	e.in(t, partNetwork, transport.StepHTTP).mustBe(t, failed, "azure.timeouts.firstByte")
	e.mustSkipStorage(t)
	if got := storage.takeRequests(); len(got) > 1 {
		t.Errorf("got the requests %q, want one", got)
	}
}

// deletes is a storage that answers each Delete with the next of these.
type deletes struct {
	tryable
	answers []error
	asked   []string
}

func (d *deletes) Delete(_ context.Context, name, _ string) error {
	d.asked = append(d.asked, name)
	return d.answers[len(d.asked)-1]
}

func TestDoctorStopsCleaningWhereNobodyAnswers(t *testing.T) {
	d := &deletes{answers: []error{nil, &explain.NotPermittedError{}, cache.ErrNotFound, context.DeadlineExceeded}}
	left := tryDeletes(t.Context(), d, []string{"a", "b", "c", "d", "e", "f"})
	if got, want := fmt.Sprint(left, d.asked), "[b d e f] [a b c d]"; got != want {
		t.Errorf("got left and asked %s, want %s", got, want)
	}
}

// What the npm package cannot read is told once, and nothing is tried.
func TestDoctorOfAnNxJSONThatIsBroken(t *testing.T) {
	const problem = "nx.json cannot be read: Unexpected token"
	document, err := json.Marshal(config.Document{Problem: problem})
	if err != nil {
		t.Fatal(err)
	}
	e := examineWhole(t, testenv.Env{config.WorkspaceVariable: string(document), license.Variable: testenv.License(t, "valid.jwt")})
	e.in(t, partConfig, "nx-json").mustBe(t, failed, problem)
	if got := strings.Count(e.text, problem); got != 1 {
		t.Errorf("it is told %d times, want once: %s", got, e.text)
	}
}

// mustSkipStorage fails unless all that needs a storage which answers was skipped.
func (e examined) mustSkipStorage(t *testing.T) {
	t.Helper()
	for _, of := range []part{partRights, partRoundTrip, partSecurity} {
		e.in(t, of, string(of)).mustBe(t, skipped, "not tried: the storage cannot be reached")
	}
}

// A proxy that is not there, one that wants a password that nobody has, a page of a
// hotel: the row says so, and nothing is tried after it.
func TestDoctorOfTheNetwork(t *testing.T) {
	service := azuretest.New(azuretest.Options{Account: storageAccount, Containers: []string{testContainer}})
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
		want    status
		says    string
		reached bool
	}{
		{"a page", page, transport.StepHTTP, failed, "", false},
		{"a good clock", service.ServeHTTP, "clock", ok, "as that of", true},
		{"a clock that is late", dated(time.Hour), "clock", failed, "behind Azure's", true},
		{"a clock that is early", dated(-time.Hour), "clock", failed, "ahead of Azure's", true},
		{"a clock that is a little late", dated(90 * time.Second), "clock", ok, "no harm", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.handler)
			t.Cleanup(server.Close)
			e := examineWhole(t, wholeEnv(t, testenv.MainRun, plainConfig, connectionStringFor(server.Listener.Addr().String())))
			e.in(t, partNetwork, test.id).mustBe(t, test.want, test.says)
			if test.reached {
				e.in(t, partRights, "write.create").mustBe(t, ok, "created")
			} else {
				e.mustSkipStorage(t)
			}
			if e.Network == nil || len(e.Network.Steps) == 0 || (e.Network.SkewSeconds != nil) != test.reached {
				t.Errorf("got %+v, want the steps", e.Network)
			}
		})
	}
	t.Run("a proxy", func(t *testing.T) {
		environment := wholeEnv(t, testenv.MainRun, `{"container": "artifacts", "accountName": "nxcache"}`, "")
		environment["HTTPS_PROXY"] = "http://me:TOPSECRET@127.0.0.1:1"
		environment[config.SASVariable] = "https://nxcache.blob.core.windows.net/artifacts?sp=r&sig=TOPSECRET"
		e := examineWhole(t, environment)
		e.in(t, partNetwork, "proxies").mustBe(t, ok, "http://127.0.0.1:1, by HTTPS_PROXY")
		e.in(t, partNetwork, transport.StepConnect).mustBe(t, failed, "HTTPS_PROXY")
		e.mustSkipStorage(t)
		if strings.Contains(e.text, "TOPSECRET") {
			t.Errorf("got a secret in %s", e.text)
		}
	})
}

// What others have written may hold what a terminal would do.
func TestDoctorWholeShowsNoControls(t *testing.T) {
	_, connection := startStorage(t)
	environment := tell(t, wholeEnv(t, testenv.MainRun, plainConfig, connection), func(document map[string]any) {
		document["launcher"] = config.Launcher{Version: version, Checks: []config.LauncherCheck{{Part: "versions", ID: "nx", Check: "Nx", Status: "ok", Seen: "24\u009b31m", Fix: "x\x1b[2J"}}}
	})
	stdout, _, _ := runWith(t, environment, "doctor")
	if !strings.Contains(stdout, "24") || strings.ContainsAny(stdout, "\u009b\x1b") {
		t.Errorf("got %q, want no controls", stdout)
	}
}

// On a slow line the large artifact is given up, removed, and told.
func TestDoctorOnASlowLine(t *testing.T) {
	storage, connection := startStorage(t)
	environment := wholeEnv(t, testenv.MainRun, plainConfig, connection)
	p := newPatient(config.Load(environment.Get, &config.Overrides{IsSet: func(string) bool { return false }}), false)
	ctx, end := context.WithCancelCause(t.Context())
	p.subject.write(ctx, p.subject.areas[0])
	p.subject.read(ctx, p.subject.areas[0])
	// The PUT that holds comes after those of small entries.
	var held []*faults.Rule
	for range roundTrips + 1 {
		held = append(held, storage.service.AddFault(faults.Fault{Method: http.MethodPut, Times: 1, Action: faults.Hold}))
	}
	var r report
	done := make(chan struct{})
	go func() {
		defer close(done)
		examineRoundTrip(ctx, p, &r)
	}()
	for _, rule := range held[:roundTrips] {
		<-rule.Reached()
		rule.Release()
	}
	<-held[roundTrips].Reached()
	end(errPartLimit)
	<-done
	examined{report: r}.in(t, partRoundTrip, "up").mustBe(t, warning, "azure.maxArtifactSize")
	if got := storage.service.Names(testContainer); len(got) > 0 || len(p.subject.leftovers()) > 0 {
		t.Errorf("got %q left, want nothing", got)
	}
}
