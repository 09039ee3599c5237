package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

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
		code   int
		left   int
	}{
		{"pull request that may do everything", testenv.PullRun, everything,
			"trusted=aXXX own=aaaa other-pull-request=xxx other-branch=xxx local=XXX signatures=m", report.ExitFailed, 0},
		{"pull request that may create", testenv.PullRun, readAndCreate,
			"trusted=aXnn own=aann other-pull-request=xnn other-branch=xnn local=Xnn signatures=m", report.ExitFailed, 5},
		{"pull request that may only read", testenv.PullRun, azuretest.Rights{Read: true},
			"trusted=annn own=amnn other-pull-request=nnn other-branch=nnn local=nnn signatures=a", 0, 0},
		{"pull request that may write below pr-", testenv.PullRun, within(everything, "team/app/v1/pr-*"),
			"trusted=annn own=aaaa other-pull-request=xxx other-branch=nnn local=nnn signatures=a", 0, 0},
		{"pull request that may create below pr-", testenv.PullRun, within(readAndCreate, "team/app/v1/pr-*"),
			"trusted=annn own=aann other-pull-request=xnn other-branch=nnn local=nnn signatures=a", 0, 2},
		{"pull request that may write everywhere but in trusted and local", testenv.PullRun, within(everything, "*/v1/pr-*", "*/v1/branch-*"),
			"trusted=annn own=aaaa other-pull-request=xxx other-branch=xxx local=nnn signatures=a", 0, 0},
		{"pull request that may create in local", testenv.PullRun, within(readAndCreate, "*/local/*", "*/pr-*"),
			"trusted=annn own=aann other-pull-request=xnn other-branch=nnn local=Xnn signatures=a", report.ExitFailed, 3},
		{"pull request that may delete in trusted", testenv.PullRun, within(azuretest.Rights{Read: true, Delete: true}, "team/app/v1/trusted/*"),
			"trusted=annX own=amnn other-pull-request=nnn other-branch=nnn local=nnn signatures=m", report.ExitFailed, 0},
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
			"trusted=aXXX other-pull-request=xxx other-branch=xxx local=XXX signatures=m", report.ExitFailed, 0},
		{"run that may be anybody's, and may only read", testenv.NoRun, azuretest.Rights{Read: true},
			"trusted=annn other-pull-request=nnn other-branch=nnn local=nnn signatures=a", 0, 0},
		{"tag that may only read", testenv.TagRun, azuretest.Rights{Read: true},
			"trusted=annn other-pull-request=nnn other-branch=nnn local=nnn signatures=a", 0, 0},
		{"developer that may do everything", testenv.DevRun, everything,
			"trusted=aXXX own=aaaa other-pull-request=xxx other-branch=xxx signatures=m", report.ExitFailed, 0},
		{"developer that may write below local", testenv.DevRun, within(everything, "team/app/v1/local/*"),
			"trusted=annn own=aaaa other-pull-request=nnn other-branch=nnn signatures=a", 0, 0},
	} {
		want := make(map[string]string)
		for pair := range strings.FieldsSeq(test.want) {
			area, statuses, _ := strings.Cut(pair, "=")
			want[area] = statuses
		}
		// The storage responds to a SAS and to a role with different words.
		for _, by := range []string{"SAS", "key"} {
			t.Run(test.name+", by "+by, func(t *testing.T) {
				storage, connection := testenv.StartStorage(t)
				storage.Service.Allow(azuretest.KeyOf(testenv.StorageAccount), test.rights)
				if by == "SAS" {
					storage.Service.Allow(azuretest.SAS("secret"), test.rights)
					connection = storage.SASConnection("secret", "rcwd")
				}
				e := examine(t, testenv.WorkspaceEnv(t, test.run, testenv.PlainConfig, connection))
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

// A read-only run needs no permission to write.
func TestDoctorReadOnly(t *testing.T) {
	storage, _ := testenv.StartStorage(t)
	storage.Service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true})
	for name, run := range map[string]testenv.Env{"trusted": testenv.MainRun, "own": testenv.PullRun} {
		e := examine(t, testenv.WorkspaceEnv(t, run, `{"container": "artifacts", "ciMode": "read-only"}`, storage.SASConnection("secret", "r")))
		if got := e.table()[name]; got != "annn" || e.Run.Mode != "read-only" {
			t.Errorf("%s: got %s and the mode %s, want annn (%s)", name, got, e.Run.Mode, legend)
		}
	}
}

// Entries of runs are never touched.
func TestDoctorTouchesNothing(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	hashes := []string{"1234", "canary-1"}
	for _, hash := range hashes {
		for _, scope := range []trust.Scope{trust.Trusted, trust.PullRequest("12"), trust.Local} {
			if err := storage.Service.Put(testenv.Container, "team/app/v1/"+string(scope)+"/"+hash, azuretest.Blob{Body: []byte("precious")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := storage.Service.Names(testenv.Container)
	e := examine(t, testenv.WorkspaceEnv(t, testenv.PullRun, testenv.PlainConfig, connection))
	if got := storage.Service.Names(testenv.Container); !slices.Equal(got, before) {
		t.Errorf("got %q, want %q", got, before)
	}
	if canaries.FindString(e.Canary) != e.Canary || taskhash.Check(e.Canary) != nil {
		t.Errorf("got the canary %q, want 128 random bits as a hash", e.Canary)
	}
	requests := storage.TakeRequests()
	for _, request := range requests {
		if !strings.HasSuffix(request, "/"+e.Canary) {
			t.Errorf("got the request %s, want only those about %s", request, e.Canary)
		}
	}
	if len(requests) == 0 {
		t.Error("got no requests")
	}
	if other := examine(t, testenv.WorkspaceEnv(t, testenv.PullRun, testenv.PlainConfig, connection)); other.Canary == e.Canary {
		t.Errorf("got %s twice", e.Canary)
	}
}

// With a container for each kind of scope, doctor tries each scope in its own container.
func TestDoctorContainers(t *testing.T) {
	storage, _ := testenv.StartStorage(t)
	storage.Service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true, Create: true})
	e := examine(t, testenv.WorkspaceEnv(t, testenv.PullRun, `{"container": "artifacts", "trust": {"containers": {"pr": "nx-cache"}}}`, storage.SASConnection("secret", "rc")))
	for _, c := range e.Checks {
		if want := map[bool]string{true: "nx-cache", false: "artifacts"}[strings.HasPrefix(c.Scope, "pr-")]; c.Scope != "" && c.Container != want {
			t.Errorf("%s: got the container %s, want %s", c.ID, c.Container, want)
		}
	}
	e.checkLeftovers(t, storage)
	if got := len(storage.Service.Names("nx-cache")); got != 2 {
		t.Errorf("got %d canaries in nx-cache, want one of the run's and one of another pull request", got)
	}
	want := []report.Container{
		{Name: "artifacts", URL: storage.Account() + "/artifacts", Scopes: []string{"trusted", "branch", "local"}},
		{Name: "nx-cache", URL: storage.Account() + "/nx-cache", Scopes: []string{"pr"}},
	}
	if !slices.EqualFunc(e.Containers, want, func(a, b report.Container) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
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
			storage, connection := testenv.StartStorage(t)
			storage.Service.Allow(azuretest.KeyOf(testenv.StorageAccount), test.rights)
			e := examine(t, testenv.WorkspaceEnv(t, testenv.MainRun, `{"container": "artifacts", "trust": {"isolation": "none"}}`, connection))
			if got := e.table(); !maps.Equal(got, test.want) || e.ExitCode != report.ExitFailed {
				t.Errorf("got %v and %d, want %v (%s)", got, e.ExitCode, test.want, legend)
			}
			if !strings.Contains(e.text, "CVE-2025-36852") {
				t.Errorf("got %s, want it to name the CVE", e.text)
			}
		})
	}
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
		signingKey        report.Status // "" means no such check
		fails             bool
		seen              string
	}{
		{"main without a key", asks, "", testenv.MainRun, report.Missing, false, "not set"},
		{"main with it", asks, string(key.PEM()), testenv.MainRun, report.Allowed, false, key.Public().ID()},
		{"main with another", asks, string(other.PEM()), testenv.MainRun, report.Missing, false, other.Public().ID()},
		{"main with a revoked one", revoked, string(key.PEM()), testenv.MainRun, report.Missing, false, "revoked"},
		{"main with rubbish", asks, "rubbish", testenv.MainRun, report.Missing, false, "neither a private key"},
		{"main with one that is not required", testenv.PlainConfig, string(key.PEM()), testenv.MainRun, report.Allowed, false, "no reader requires it"},
		{"main that needs none", testenv.PlainConfig, "", testenv.MainRun, "", false, ""},
		{"pull request with it", asks, string(key.PEM()), testenv.PullRun, report.Exposed, true, "can sign for trusted"},
		{"pull request with one that is not required", testenv.PlainConfig, string(key.PEM()), testenv.PullRun, report.Exposed, true, "can sign for trusted"},
		{"pull request without", asks, "", testenv.PullRun, report.Enforced, false, "not set"},
		{"developer with it", asks, string(key.PEM()), testenv.DevRun, report.Exposed, true, "can sign for trusted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			storage, _ := testenv.StartStorage(t)
			storage.Service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true})
			environment := testenv.WorkspaceEnv(t, test.run, test.config, storage.SASConnection("secret", "r"))
			environment[trust.SigningKeyVariable] = test.key
			e := examine(t, environment)
			if test.signingKey == "" {
				if strings.Contains(e.text, "signing-key") {
					t.Errorf("got %s, want no check of a key", e.text)
				}
				return
			}
			c := e.find(t, "signing-key")
			if c.Status != test.signingKey || c.Fails != test.fails || !strings.Contains(c.Seen, test.seen) {
				t.Errorf("got %+v, want %s, fails %v: %s", c, test.signingKey, test.fails, test.seen)
			}
			if want := 0; test.fails {
				want = report.ExitFailed
				if e.ExitCode != want {
					t.Errorf("got the exit code %d, want %d", e.ExitCode, want)
				}
			}
			if strings.HasPrefix(test.name, "main ") {
				// Without its key it only reads, but its settings ask for more.
				if c := e.find(t, "trusted.create"); c.Status != report.Missing || !strings.Contains(c.Fix, "--permissions rc ") {
					t.Errorf("got %+v, want a fix with all permissions of a run that stores", c)
				}
			}
			if test.key != "" && test.key != "rubbish" && strings.Contains(e.text, strings.Split(test.key, "\n")[1]) {
				t.Errorf("got the key in %s", e.text)
			}
		})
	}
}

// Signatures make a forged entry useless, but the permission to write it is still reported.
func TestDoctorExposedWithSignatures(t *testing.T) {
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	storage, _ := testenv.StartStorage(t)
	e := examine(t, testenv.WorkspaceEnv(t, testenv.PullRun, fmt.Sprintf(`{"container": "artifacts", "trust": {"publicKeys": [%q]}}`, key.Public()), storage.SASConnection("any", "rcwd")))
	for _, operation := range []string{opCreate, opOverwrite, opDelete} {
		if c := e.find(t, "trusted."+operation); c.Status != report.Exposed || !c.Fails || !strings.Contains(c.Seen, "reject unsigned entries") {
			t.Errorf("got %+v, want it exposed, with a note about signatures", c)
		}
	}
	if c := e.find(t, "signatures"); c.Status != report.Enforced || !strings.Contains(c.Seen, key.Public().ID()) || e.ExitCode != report.ExitFailed {
		t.Errorf("got %+v and the exit code %d", c, e.ExitCode)
	}
	if c := e.find(t, "local.create"); c.Status != report.Exposed || strings.Contains(c.Seen, "signed") {
		t.Errorf("got %+v, want no note about signatures: only trusted entries are signed", c)
	}
}

func TestDoctorIdentities(t *testing.T) {
	for name, test := range map[string]struct {
		connection string
		want       report.Identity
	}{
		"key":         {"DefaultEndpointsProtocol=https;AccountName=nxcache;AccountKey=" + testenv.AccountKey, report.Identity{Kind: identityKey}},
		"emulator":    {"UseDevelopmentStorage=true", report.Identity{Kind: identityKey}},
		"none":        {"", report.Identity{Kind: identityEntra}},
		"SAS":         {"BlobEndpoint=https://nxcache.blob.core.windows.net;SharedAccessSignature=sv=2025&sp=rcw&se=2027-01-01T00:00:00Z&sig=TOPSECRET", report.Identity{Kind: identitySAS, Permissions: "rcw"}},
		"account SAS": {"BlobEndpoint=https://x;SharedAccessSignature=?sv=2025&ss=b&srt=o&sp=rl&sig=TOPSECRET", report.Identity{Kind: identitySAS, Permissions: "rl"}},
		"odd SAS":     {"BlobEndpoint=https://x; sharedaccesssignature = sp=TOPSECRET&se=TOPSECRET%00&sig=TOPSECRET", report.Identity{Kind: identitySAS}},
		"broken SAS":  {"BlobEndpoint=https://x;SharedAccessSignature=sp=%zz&sig=TOPSECRET", report.Identity{Kind: identitySAS}},
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
		_, connection := testenv.StartStorage(t)
		e := examine(t, testenv.WorkspaceEnv(t, testenv.PullRun, testenv.PlainConfig, connection))
		if c := e.find(t, "identity"); c.Status != report.Exposed || c.Fails || !strings.Contains(c.Fix, "allow-shared-key-access false") {
			t.Errorf("got %+v, want it exposed, and how to disable keys", c)
		}
		if c := e.find(t, "trusted.create"); !strings.Contains(c.Fix, "allow-shared-key-access false") {
			t.Errorf("got %+v, want how to disable keys", c)
		}
	})
	t.Run("key in a trusted run", func(t *testing.T) {
		_, connection := testenv.StartStorage(t)
		e := examine(t, testenv.WorkspaceEnv(t, testenv.MainRun, testenv.PlainConfig, connection))
		if c := e.find(t, "identity"); c.Status != report.Allowed || c.Fix == "" || e.ExitCode != 0 {
			t.Errorf("got %+v, want it allowed with a fix", c)
		}
	})
}
