package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// canaries are the hashes of the entries that are made.
var canaries = regexp.MustCompile(canaryPrefix + `[a-z2-7]{26}`)

var update = flag.Bool("update", false, "write the files that doctor's output is compared with")

// doctorEnv is the environment of a run in a workspace with that configuration.
func doctorEnv(t *testing.T, run testenv.Env, block, connection string) testenv.Env {
	t.Helper()
	workspace, err := json.Marshal(map[string]any{
		"workspaceRoot": t.TempDir(), "ci": len(run) > 0, "config": json.RawMessage(block),
	})
	if err != nil {
		t.Fatal(err)
	}
	environment := maps.Clone(run)
	environment["NX_AZURE_CACHE_WORKSPACE"] = string(workspace)
	environment[config.ConnectionVariable] = connection
	environment["HTTPS_PROXY"] = offline["HTTPS_PROXY"]
	return environment
}

// examined is what doctor --json printed.
type examined struct {
	report
	text string
	err  error
}

func examine(t *testing.T, environment testenv.Env) examined {
	t.Helper()
	stdout, stderr, err := runWith(t, environment, "doctor", "--security", "--json")
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

// table is what was found: the statuses of read, create, overwrite and delete in
// each scope, by their initials, and the others. A check that fails the run has a
// capital.
func (e examined) table() map[string]string {
	table := make(map[string]string)
	for _, c := range e.Checks {
		initial := string(c.Status)[:1] // of enforced and exposed the second letter
		if c.Status == enforced || c.Status == exposed {
			initial = string(c.Status)[1:2]
		}
		if c.Fails {
			initial = strings.ToUpper(initial)
		}
		area, _, _ := strings.Cut(c.ID, ".")
		table[area] += initial
	}
	return table
}

// What table shows.
const (
	legend = "n enforced, x exposed, a allowed, m missing, u unknown"

	plainConfig = `{"container": "artifacts", "prefix": "team/app"}`
)

// sasConnection is a connection string with a SAS that the storage knows by sig.
func (s *storage) sasConnection(sig, permissions string) string {
	return "BlobEndpoint=" + s.account() + ";SharedAccessSignature=sv=2025-11-05&sr=c&sp=" + permissions + "&se=2099-01-01T00:00:00Z&sig=" + sig
}

func TestDoctorTable(t *testing.T) {
	everything := azuretest.FullRights()
	readAndCreate := azuretest.Rights{Read: true, Create: true}
	within := func(rights azuretest.Rights, patterns ...string) azuretest.Rights {
		rights.WriteTo = patterns
		return rights
	}
	for _, test := range []struct {
		name   string
		run    testenv.Env
		rights azuretest.Rights
		want   string // area=statuses
		code   exitCode
		left   int
	}{
		{"pull request that may do everything", testenv.PullRun, everything,
			"trusted=aXXX own=aaaa other-pull-request=xxx other-branch=xxx local=XXX signatures=m", exitFailed, 0},
		{"pull request that may create", testenv.PullRun, readAndCreate,
			"trusted=aXnn own=aann other-pull-request=xnn other-branch=xnn local=Xnn signatures=m", exitFailed, 5},
		{"pull request that may only read", testenv.PullRun, azuretest.Rights{Read: true},
			"trusted=annn own=amnn other-pull-request=nnn other-branch=nnn local=nnn signatures=a", 0, 0},
		{"pull request that may write below pr-", testenv.PullRun, within(everything, "team/app/v1/pr-*"),
			"trusted=annn own=aaaa other-pull-request=xxx other-branch=nnn local=nnn signatures=a", 0, 0},
		{"pull request that may create below pr-", testenv.PullRun, within(readAndCreate, "team/app/v1/pr-*"),
			"trusted=annn own=aann other-pull-request=xnn other-branch=nnn local=nnn signatures=a", 0, 2},
		{"pull request that may write everywhere but in trusted and local", testenv.PullRun, within(everything, "*/v1/pr-*", "*/v1/branch-*"),
			"trusted=annn own=aaaa other-pull-request=xxx other-branch=xxx local=nnn signatures=a", 0, 0},
		{"pull request that may create in local", testenv.PullRun, within(readAndCreate, "*/local/*", "*/pr-*"),
			"trusted=annn own=aann other-pull-request=xnn other-branch=nnn local=Xnn signatures=a", exitFailed, 3},
		{"pull request that may delete in trusted", testenv.PullRun, within(azuretest.Rights{Read: true, Delete: true}, "team/app/v1/trusted/*"),
			"trusted=annX own=amnn other-pull-request=nnn other-branch=nnn local=nnn signatures=m", exitFailed, 0},
		{"pull request that may not even read", testenv.PullRun, azuretest.Rights{},
			"trusted=mnnn own=mmnn other-pull-request=nnn other-branch=nnn local=nnn signatures=a", 0, 0},
		{"main that may do everything", testenv.MainRun, everything,
			"trusted=aaaa other-pull-request=aaa other-branch=aaa local=aaa signatures=a", 0, 0},
		{"main that may write below trusted", testenv.MainRun, within(azuretest.Rights{Read: true, Write: true}, "team/app/v1/trusted/*"),
			"trusted=aaan other-pull-request=nnn other-branch=nnn local=nnn signatures=a", 0, 1},
		{"main that may only create", testenv.MainRun, readAndCreate,
			"trusted=aamn other-pull-request=ann other-branch=ann local=ann signatures=a", 0, 4},
		{"main that may only read", testenv.MainRun, azuretest.Rights{Read: true},
			"trusted=ammn other-pull-request=nnn other-branch=nnn local=nnn signatures=a", 0, 0},
		{"run that may be anybody's", testenv.NoRun, everything,
			"trusted=aXXX other-pull-request=xxx other-branch=xxx local=XXX signatures=m", exitFailed, 0},
		{"run that may be anybody's, and may only read", testenv.NoRun, azuretest.Rights{Read: true},
			"trusted=annn other-pull-request=nnn other-branch=nnn local=nnn signatures=a", 0, 0},
		{"tag that may only read", testenv.TagRun, azuretest.Rights{Read: true},
			"trusted=annn other-pull-request=nnn other-branch=nnn local=nnn signatures=a", 0, 0},
		{"developer that may do everything", testenv.DevRun, everything,
			"trusted=aXXX own=aaaa other-pull-request=xxx other-branch=xxx signatures=m", exitFailed, 0},
		{"developer that may write below local", testenv.DevRun, within(everything, "team/app/v1/local/*"),
			"trusted=annn own=aaaa other-pull-request=nnn other-branch=nnn signatures=a", 0, 0},
	} {
		want := make(map[string]string)
		for pair := range strings.FieldsSeq(test.want) {
			area, statuses, _ := strings.Cut(pair, "=")
			want[area] = statuses
		}
		// The storage answers a SAS and a role in different words.
		for _, by := range []string{"SAS", "key"} {
			t.Run(test.name+", by "+by, func(t *testing.T) {
				storage, connection := startStorage(t)
				storage.service.Allow(azuretest.KeyOf(storageAccount), test.rights)
				if by == "SAS" {
					storage.service.Allow(azuretest.SAS("secret"), test.rights)
					connection = storage.sasConnection("secret", "rcwd")
				}
				e := examine(t, doctorEnv(t, test.run, plainConfig, connection))
				got := e.table()
				delete(got, "identity")
				delete(got, "isolation")
				if got["repositories"] != "a" {
					t.Errorf("got %q for repositories", got["repositories"])
				}
				delete(got, "repositories")
				if !maps.Equal(got, want) {
					t.Errorf("got %v, want %v (%s)\n%s", got, want, legend, e.text)
				}
				if e.ExitCode != test.code || len(e.Leftovers) != test.left {
					t.Errorf("got the exit code %d and %d leftovers, want %d and %d", e.ExitCode, len(e.Leftovers), test.code, test.left)
				}
				e.checkLeftovers(t, storage)
			})
		}
	}
}

// checkLeftovers fails unless what is left in the storage is what was told.
func (e examined) checkLeftovers(t *testing.T, s *storage) {
	t.Helper()
	var told []string
	for _, l := range e.Leftovers {
		told = append(told, l.Container+"/"+l.Name)
		if want := s.account() + "/" + l.Container + "/" + l.Name; l.URL != want || !strings.HasSuffix(l.Command, " "+want) {
			t.Errorf("got %+v, want the URL %s", l, want)
		}
	}
	var there []string
	for _, container := range []string{testContainer, fixtureContainer} {
		for _, name := range s.service.Names(container) {
			there = append(there, container+"/"+name)
		}
	}
	slices.Sort(told)
	if !slices.Equal(told, there) {
		t.Errorf("got the leftovers %q, and in the storage %q", told, there)
	}
}

// What a run does not store it need not be able to.
func TestDoctorReadOnly(t *testing.T) {
	storage, _ := startStorage(t)
	storage.service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true})
	for name, run := range map[string]testenv.Env{"trusted": testenv.MainRun, "own": testenv.PullRun} {
		e := examine(t, doctorEnv(t, run, `{"container": "artifacts", "ciMode": "read-only"}`, storage.sasConnection("secret", "r")))
		if got := e.table()[name]; got != "annn" || e.Run.Mode != "read-only" {
			t.Errorf("%s: got %s and the mode %s, want annn (%s)", name, got, e.Run.Mode, legend)
		}
	}
}

// What somebody has stored is never touched.
func TestDoctorTouchesNothing(t *testing.T) {
	storage, connection := startStorage(t)
	hashes := []string{"1234", "canary-1"}
	for _, hash := range hashes {
		for _, scope := range []trust.Scope{trust.Trusted, trust.PullRequest("12"), trust.Local} {
			if err := storage.service.Put(testContainer, "team/app/v1/"+string(scope)+"/"+hash, azuretest.Blob{Body: []byte("precious")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := storage.service.Names(testContainer)
	e := examine(t, doctorEnv(t, testenv.PullRun, plainConfig, connection))
	if got := storage.service.Names(testContainer); !slices.Equal(got, before) {
		t.Errorf("got %q, want %q", got, before)
	}
	if canaries.FindString(e.Canary) != e.Canary || taskhash.Check(e.Canary) != nil {
		t.Errorf("got the canary %q, want 128 random bits as a hash", e.Canary)
	}
	requests := storage.takeRequests()
	for _, request := range requests {
		if !strings.HasSuffix(request, "/"+e.Canary) {
			t.Errorf("got the request %s, want only those about %s", request, e.Canary)
		}
	}
	if len(requests) == 0 {
		t.Error("got no requests")
	}
	if other := examine(t, doctorEnv(t, testenv.PullRun, plainConfig, connection)); other.Canary == e.Canary {
		t.Errorf("got %s twice", e.Canary)
	}
}

// What is left can be removed with what is said.
func TestDoctorLeftovers(t *testing.T) {
	storage, connection := startStorage(t)
	storage.service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true, Create: true})
	const config = `{"container": "artifacts", "trust": {"containers": {"pr": "nx-cache"}}}`
	stdout, _, err := runWith(t, doctorEnv(t, testenv.PullRun, config, storage.sasConnection("secret", "rc")), "doctor", "--security")
	if err != exitFailed || len(storage.service.Names("artifacts")) == 0 || len(storage.service.Names("nx-cache")) == 0 {
		t.Fatalf("got %v and %s, want leftovers in both containers", err, stdout)
	}
	_, rest, _ := strings.Cut(stdout, "npx nx-azure-cache ")
	command, _, _ := strings.Cut(rest, "\n")
	if _, stderr, err := runWith(t, doctorEnv(t, testenv.DevRun, config, connection), strings.Fields(command)...); err != nil {
		t.Errorf("%s: got %q and %v", command, stderr, err)
	}
	if got := append(storage.service.Names("artifacts"), storage.service.Names("nx-cache")...); len(got) > 0 {
		t.Errorf("got %q, want nothing left", got)
	}
}

// An answer may hold what a terminal would do.
func TestDoctorShowsNoControls(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["x-ms-error-code"] = []string{"Odd\u009b31m"}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	stdout, _, err := runWith(t, doctorEnv(t, testenv.PullRun, plainConfig, connectionStringFor(server.Listener.Addr().String())), "doctor", "--security")
	if err != exitUntried || !strings.Contains(stdout, "refused to get (403)") || strings.Contains(stdout, "\u009b") {
		t.Errorf("got %q and %v, want no controls", stdout, err)
	}
}

// With a container for each kind of scope, each is tried where it is.
func TestDoctorContainers(t *testing.T) {
	storage, _ := startStorage(t)
	storage.service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true, Create: true})
	e := examine(t, doctorEnv(t, testenv.PullRun, `{"container": "artifacts", "trust": {"containers": {"pr": "nx-cache"}}}`, storage.sasConnection("secret", "rc")))
	for _, c := range e.Checks {
		if want := map[bool]string{true: "nx-cache", false: "artifacts"}[strings.HasPrefix(c.Scope, "pr-")]; c.Scope != "" && c.Container != want {
			t.Errorf("%s: got the container %s, want %s", c.ID, c.Container, want)
		}
	}
	e.checkLeftovers(t, storage)
	if got := len(storage.service.Names("nx-cache")); got != 2 {
		t.Errorf("got %d canaries in nx-cache, want one of the run's and one of another pull request", got)
	}
	want := []containerReport{
		{"artifacts", storage.account() + "/artifacts", []string{"trusted", "branch", "local"}},
		{"nx-cache", storage.account() + "/nx-cache", []string{"pr"}},
	}
	if !slices.EqualFunc(e.Containers, want, func(a, b containerReport) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("got %+v, want %+v", e.Containers, want)
	}
}

func TestDoctorWithoutIsolation(t *testing.T) {
	for name, test := range map[string]struct {
		rights azuretest.Rights
		want   map[string]string
	}{
		"everything": {azuretest.FullRights(), map[string]string{"identity": "x", "isolation": "X", "shared": "aaaa"}},
		"read":       {azuretest.Rights{Read: true}, map[string]string{"identity": "x", "isolation": "X", "shared": "amnn"}},
	} {
		t.Run(name, func(t *testing.T) {
			storage, connection := startStorage(t)
			storage.service.Allow(azuretest.KeyOf(storageAccount), test.rights)
			e := examine(t, doctorEnv(t, testenv.MainRun, `{"container": "artifacts", "trust": {"isolation": "none"}}`, connection))
			if got := e.table(); !maps.Equal(got, test.want) || e.ExitCode != exitFailed {
				t.Errorf("got %v and %d, want %v (%s)", got, e.ExitCode, test.want, legend)
			}
			if !strings.Contains(e.text, "CVE-2025-36852") {
				t.Errorf("got %s, want it to name the CVE", e.text)
			}
		})
	}
}

// find returns the check with an ID.
func (e examined) find(t *testing.T, id string) check {
	t.Helper()
	for _, c := range e.Checks {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("there is no %s in %s", id, e.text)
	return check{}
}

func TestDoctorSignatures(t *testing.T) {
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	asks := fmt.Sprintf(`{"container": "artifacts", "trust": {"publicKeys": [%q]}}`, key.Public())
	revoked := fmt.Sprintf(`{"container": "artifacts", "trust": {"publicKeys": [%q], "revokedKeys": [%q]}}`, key.Public(), key.Public().ID())
	for _, test := range []struct {
		name, config, key string
		run               testenv.Env
		signingKey        status // "": no such check
		fails             bool
		seen              string
	}{
		{"main without a key", asks, "", testenv.MainRun, missing, false, "not set"},
		{"main with it", asks, string(key.PEM()), testenv.MainRun, allowed, false, key.Public().ID()},
		{"main with another", asks, string(other.PEM()), testenv.MainRun, missing, false, other.Public().ID()},
		{"main with a revoked one", revoked, string(key.PEM()), testenv.MainRun, missing, false, "revoked"},
		{"main with rubbish", asks, "rubbish", testenv.MainRun, missing, false, "neither a private key"},
		{"main with one that nobody asks for", plainConfig, string(key.PEM()), testenv.MainRun, allowed, false, "nobody asks"},
		{"main that needs none", plainConfig, "", testenv.MainRun, "", false, ""},
		{"pull request with it", asks, string(key.PEM()), testenv.PullRun, exposed, true, "can sign for trusted"},
		{"pull request with one that nobody asks for", plainConfig, string(key.PEM()), testenv.PullRun, exposed, true, "can sign for trusted"},
		{"pull request without", asks, "", testenv.PullRun, enforced, false, "not set"},
		{"developer with it", asks, string(key.PEM()), testenv.DevRun, exposed, true, "can sign for trusted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			storage, _ := startStorage(t)
			storage.service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true})
			environment := doctorEnv(t, test.run, test.config, storage.sasConnection("secret", "r"))
			environment[trust.SigningKeyVariable] = test.key
			e := examine(t, environment)
			if test.signingKey == "" {
				if strings.Contains(e.text, "signing-key") {
					t.Errorf("got %s, want nothing about a key", e.text)
				}
				return
			}
			c := e.find(t, "signing-key")
			if c.Status != test.signingKey || c.Fails != test.fails || !strings.Contains(c.Seen, test.seen) {
				t.Errorf("got %+v, want %s, fails %v: %s", c, test.signingKey, test.fails, test.seen)
			}
			if want := exitCode(0); test.fails {
				want = exitFailed
				if e.ExitCode != want {
					t.Errorf("got the exit code %d, want %d", e.ExitCode, want)
				}
			}
			if test.key != "" && test.key != "rubbish" && strings.Contains(e.text, strings.Split(test.key, "\n")[1]) {
				t.Errorf("got the key in %s", e.text)
			}
		})
	}
}

// Signatures make a forged entry worthless, and the right to write it no better.
func TestDoctorExposedWithSignatures(t *testing.T) {
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	storage, _ := startStorage(t)
	e := examine(t, doctorEnv(t, testenv.PullRun, fmt.Sprintf(`{"container": "artifacts", "trust": {"publicKeys": [%q]}}`, key.Public()), storage.sasConnection("any", "rcwd")))
	for _, operation := range []string{create, overwrite, remove} {
		if c := e.find(t, "trusted."+operation); c.Status != exposed || !c.Fails || !strings.Contains(c.Seen, "refuse what is not signed") {
			t.Errorf("got %+v, want it exposed, and that signatures help", c)
		}
	}
	if c := e.find(t, "signatures"); c.Status != enforced || !strings.Contains(c.Seen, key.Public().ID()) || e.ExitCode != exitFailed {
		t.Errorf("got %+v and the exit code %d", c, e.ExitCode)
	}
	if c := e.find(t, "local.create"); c.Status != exposed || strings.Contains(c.Seen, "signed") {
		t.Errorf("got %+v, want nothing of signatures: only trusted is signed", c)
	}
}

func TestDoctorIdentities(t *testing.T) {
	for name, test := range map[string]struct {
		connection string
		want       identity
	}{
		"key":         {"DefaultEndpointsProtocol=https;AccountName=nxcache;AccountKey=" + testenv.AccountKey, identity{Kind: identityKey}},
		"emulator":    {"UseDevelopmentStorage=true", identity{Kind: identityKey}},
		"none":        {"", identity{Kind: identityEntra}},
		"SAS":         {"BlobEndpoint=https://nxcache.blob.core.windows.net;SharedAccessSignature=sv=2025&sp=rcw&se=2027-01-01T00:00:00Z&sig=TOPSECRET", identity{Kind: identitySAS, Permissions: "rcw"}},
		"account SAS": {"BlobEndpoint=https://x;SharedAccessSignature=?sv=2025&ss=b&srt=o&sp=rl&sig=TOPSECRET", identity{Kind: identitySAS, Permissions: "rl"}},
		"odd SAS":     {"BlobEndpoint=https://x; sharedaccesssignature = sp=TOPSECRET&se=TOPSECRET%00&sig=TOPSECRET", identity{Kind: identitySAS}},
		"broken SAS":  {"BlobEndpoint=https://x;SharedAccessSignature=sp=%zz&sig=TOPSECRET", identity{Kind: identitySAS}},
	} {
		got := identify(config.Settings{ConnectionString: endpoint.Secret(test.connection)})
		if text := fmt.Sprintf("%+v", got); strings.Contains(text, "TOPSECRET") || strings.Contains(text, testenv.AccountKey) {
			t.Errorf("%s: got a secret in %s", name, text)
		}
		if got.Description == "" {
			t.Errorf("%s: got no description", name)
		}
		got.Description = ""
		if got != test.want {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
	t.Run("key in a pull request", func(t *testing.T) {
		_, connection := startStorage(t)
		e := examine(t, doctorEnv(t, testenv.PullRun, plainConfig, connection))
		if c := e.find(t, "identity"); c.Status != exposed || c.Fails || !strings.Contains(c.Fix, "allow-shared-key-access false") {
			t.Errorf("got %+v, want it exposed, and how to disable keys", c)
		}
		if c := e.find(t, "trusted.create"); !strings.Contains(c.Fix, "allow-shared-key-access false") {
			t.Errorf("got %+v, want how to disable keys", c)
		}
	})
	t.Run("key in a trusted run", func(t *testing.T) {
		_, connection := startStorage(t)
		e := examine(t, doctorEnv(t, testenv.MainRun, plainConfig, connection))
		if c := e.find(t, "identity"); c.Status != allowed || c.Fix == "" || e.ExitCode != 0 {
			t.Errorf("got %+v, want it allowed with an advice", c)
		}
	})
}

// A storage that does not answer is not asked for each scope again, and nothing is
// concluded from its silence.
func TestDoctorUntried(t *testing.T) {
	for name, test := range map[string]struct {
		fault  faults.Fault
		config string
		most   int // requests
	}{
		"busy":            {faults.Fault{Action: faults.Fail, Status: http.StatusInternalServerError, Code: "InternalError"}, plainConfig, 3},
		"wrong key":       {faults.Fault{Action: faults.Fail, Status: http.StatusForbidden, Code: "AuthenticationFailed"}, plainConfig, 1},
		"network's rules": {faults.Fault{Action: faults.Fail, Status: http.StatusForbidden, Code: "AuthorizationFailure"}, plainConfig, 1},
		"no container":    {faults.Fault{Method: "NONE", Action: faults.Reset}, `{"container": "nothing-here"}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			storage, connection := startStorage(t)
			storage.service.AddFault(test.fault)
			e := examine(t, doctorEnv(t, testenv.PullRun, test.config, connection))
			if e.ExitCode != exitUntried {
				t.Errorf("got the exit code %d, want %d", e.ExitCode, exitUntried)
			}
			for _, c := range e.Checks {
				if c.Operation != "" && c.Status != unknown {
					t.Errorf("got %+v, want %s", c, unknown)
				}
			}
			if len(e.Leftovers) > 0 {
				t.Errorf("got %+v, want none", e.Leftovers)
			}
			if got := storage.takeRequests(); len(got) > test.most {
				t.Errorf("got the requests %q, want at most %d", got, test.most)
			}
		})
	}
}

// triesOfLost is how often a request is sent that gets no answer: three times, and once
// more on a fresh connection where the first was kept.
const triesOfLost = 4

// Where an answer got lost an entry may be there: it is removed, or told.
func TestDoctorLosesAnswers(t *testing.T) {
	t.Run("of all that is created", func(t *testing.T) {
		storage, connection := startStorage(t)
		storage.service.AddFault(faults.Fault{Method: http.MethodPut, Times: triesOfLost, Action: faults.Lose})
		e := examine(t, doctorEnv(t, testenv.PullRun, plainConfig, connection))
		if c := e.find(t, "trusted.create"); c.Status != unknown {
			t.Errorf("got %+v, want it %s", c, unknown)
		}
		if c := e.find(t, "trusted.delete"); c.Status != exposed || e.ExitCode != exitFailed {
			t.Errorf("got %+v and the exit code %d, want it %s", c, e.ExitCode, exposed)
		}
		e.checkLeftovers(t, storage)
		if len(e.Leftovers) > 0 {
			t.Errorf("got %+v, want it removed", e.Leftovers)
		}
	})
	t.Run("of one", func(t *testing.T) {
		storage, connection := startStorage(t)
		storage.service.AddFault(faults.Fault{Method: http.MethodPut, Times: 1, Action: faults.Lose})
		e := examine(t, doctorEnv(t, testenv.PullRun, plainConfig, connection))
		if c := e.find(t, "trusted.create"); c.Status != exposed {
			t.Errorf("got %+v, want it %s", c, exposed)
		}
		e.checkLeftovers(t, storage)
	})
	t.Run("of what is removed, too", func(t *testing.T) {
		storage, connection := startStorage(t)
		storage.service.AddFault(faults.Fault{Method: http.MethodPut, Times: triesOfLost, Action: faults.Lose})
		storage.service.AddFault(faults.Fault{Method: http.MethodDelete, Action: faults.Reset})
		examine(t, doctorEnv(t, testenv.PullRun, plainConfig, connection)).checkLeftovers(t, storage)
		if got := storage.service.Names(testContainer); len(got) != 1 {
			t.Errorf("got %q left, want one", got)
		}
	})
}

// Ctrl-C ends the trying, and not the removal of what was made.
func TestDoctorInterrupted(t *testing.T) {
	storage, connection := startStorage(t)
	const config = `{"container": "artifacts", "prefix": "team/app", "trust": {"containers": {"pr": "nx-cache"}}}`
	held := storage.service.AddFault(faults.Fault{Method: http.MethodPut, Blob: "*/pr-12/*", Action: faults.Hold})
	inDelete := storage.service.AddFault(faults.Fault{Method: http.MethodDelete, Blob: "*/pr-12/*", Action: faults.Hold})
	environment := doctorEnv(t, testenv.PullRun, config, connection)
	ctx, interrupt := context.WithCancel(t.Context())
	var out, errOut output
	ended := make(chan error)
	go func() {
		ended <- run(ctx, []string{"doctor", "--security", "--json"}, world{
			stdout: &out, stderr: &errOut, getenv: environment.Get, ignore: ignoreNothing,
		})
	}()
	<-held.Reached()
	// It is there, and the answer never comes.
	canary := canaries.FindString(storage.service.Requests()[0].Path)
	if err := storage.service.Put("nx-cache", "team/app/v1/pr-12/"+canary, azuretest.Blob{Body: []byte(canaryBody)}); err != nil {
		t.Fatal(err)
	}
	interrupt()
	<-inDelete.Reached()
	inDelete.Release()
	err := <-ended
	e := examined{text: out.String(), err: err}
	if err := json.Unmarshal([]byte(e.text), &e.report); err != nil {
		t.Fatal(err)
	}
	e.checkLeftovers(t, storage)
	if len(e.Leftovers) > 0 || err != exitFailed { // trusted was tried before
		t.Errorf("got the leftovers %+v and %v, want none and the exit code %d", e.Leftovers, err, exitFailed)
	}
	want := map[string]string{"identity": "x", "isolation": "n", "repositories": "a", "trusted": "aXXX", "own": "auua", "other-pull-request": "uuu", "other-branch": "uuu", "local": "uuu", "signatures": "m"}
	if got := e.table(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v (%s)", got, want, legend)
	}
}

// unstable are the parts of the output that differ from run to run.
var unstable = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{canaries, "canary-RANDOM"},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "http://HOST"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST"},
	{regexp.MustCompile(`request [0-9a-f-]{36}`), "request ID"},
	{regexp.MustCompile(`(?i)("[a-z]*seconds"): -?[0-9.e-]+`), "$1: TIME"},
}

// compare compares text with a file in testdata.
func compare(t *testing.T, file, text string) {
	t.Helper()
	for _, u := range unstable {
		text = u.pattern.ReplaceAllString(text, u.text)
	}
	path := "testdata/doctor/" + file
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal([]byte(text), want) {
		t.Errorf("got %s\nwant %s, %v (go test -update writes it)", text, want, err)
	}
}

func TestDoctorOutput(t *testing.T) {
	secrets := regexp.MustCompile(`TOPSECRET|Eby8vdM02|` + testenv.AccountKey)
	for _, test := range []struct {
		file string
		run  testenv.Env
		sas  azuretest.Rights
		args []string
	}{
		{"pull-request.json", testenv.PullRun, azuretest.Rights{Read: true, Create: true}, []string{"doctor", "--security", "--json"}},
		{"pull-request.txt", testenv.PullRun, azuretest.Rights{Read: true, Create: true}, []string{"doctor", "--security"}},
		{"main.txt", testenv.MainRun, azuretest.FullRights(), []string{"doctor", "--security"}},
	} {
		t.Run(test.file, func(t *testing.T) {
			storage, _ := startStorage(t)
			storage.service.Allow(azuretest.SAS("TOPSECRET"), test.sas)
			stdout, stderr, _ := runWith(t, doctorEnv(t, test.run, plainConfig, storage.sasConnection("TOPSECRET", "rc")), test.args...)
			compare(t, test.file, stdout)
			if secrets.MatchString(stdout + stderr) {
				t.Errorf("got a secret in %s%s", stdout, stderr)
			}
			if strings.ContainsAny(stdout, "\x1b✓✗") {
				t.Errorf("got %s, want plain words", stdout)
			}
		})
	}
	t.Run("on a terminal", func(t *testing.T) {
		var out bytes.Buffer
		r := report{Checks: []check{
			{Check: "a", Status: enforced, Seen: "1"}, {Check: "bb", Status: exposed, Seen: "2", Fix: "c"},
			{Check: "d", Status: unknown, Seen: "3"}, {Check: "e", Status: missing, Seen: "4", Fix: "f"}, {Check: "g", Status: allowed, Seen: "5", Fix: "c"},
		}}
		if err := r.print(&out, true); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"✓ enforced  a   1\n", "✗ exposed   bb  2 [1]\n", "? unknown   d   3\n", "✗ missing   e   4 [2]\n", "✓ allowed   g   5 [1]\n", "\n  [1] c\n  [2] f\n"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("got %s, want %q", out.String(), want)
			}
		}
	})
}

func TestDoctorHelp(t *testing.T) {
	stdout, _, err := runWith(t, nil, "doctor", "--help")
	for _, want := range []string{"Exit codes", "--json", "round-trip", string(enforced), string(exposed), string(allowed), string(missing), string(unknown)} {
		if err != nil || !strings.Contains(stdout, want) {
			t.Errorf("got %q and %v, want %q", stdout, err, want)
		}
	}
}

// Wrong settings are told, and nothing is tried.
func TestDoctorWrongSettings(t *testing.T) {
	stdout, stderr, err := runWith(t, doctorEnv(t, testenv.PullRun, `{"container": "No"}`, "UseDevelopmentStorage=true"), "doctor", "--security", "--json")
	if stdout != "" || !strings.Contains(stderr, "azure.container") || err != exitUntried {
		t.Errorf("got %q, %q and %v, want what is wrong and the exit code %d", stdout, stderr, err, exitUntried)
	}
}
