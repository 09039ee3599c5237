package main

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// entra is Entra ID and a storage with certificates of their own CA. A process reads the
// CA from the variable SSL_CERT_FILE, which works on Linux.
type entra struct {
	authority *azuretest.Authority
	service   *azuretest.Service
	endpoint  string
	env       testenv.Env
}

func startEntra(t *testing.T) *entra {
	t.Helper()
	e := &entra{authority: azuretest.NewAuthority(), service: azuretest.New(azuretest.Options{Account: testenv.StorageAccount, Containers: []string{testenv.Container}})}
	authority, service := httptest.NewTLSServer(e.authority), httptest.NewTLSServer(e.service)
	t.Cleanup(authority.Close)
	t.Cleanup(service.Close)
	e.endpoint = service.URL + "/" + testenv.StorageAccount
	roots := filepath.Join(t.TempDir(), "roots.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: service.Certificate().Raw})
	if err := os.WriteFile(roots, text, 0o644); err != nil {
		t.Fatal(err)
	}
	e.env = testenv.Env{
		"SSL_CERT_FILE":        roots,
		"AZURE_AUTHORITY_HOST": authority.URL,
		"AZURE_TENANT_ID":      "11111111-1111-1111-1111-111111111111",
		"AZURE_CLIENT_ID":      "22222222-2222-2222-2222-222222222222",
		"AZURE_CLIENT_SECRET":  "TOPSECRET",
	}
	return e
}

// printed is the JSON output of a doctor process.
type printed struct {
	report.Report
	text string
}

// must fails unless a check has a status and contains a string.
func (p printed) must(t *testing.T, of, id, want, says string) {
	t.Helper()
	for _, c := range p.Checks {
		if string(c.Part) != of || c.ID != id {
			continue
		}
		if string(c.Status) != want || !strings.Contains(c.Seen+"\n"+c.Fix, says) || c.Fails != (want == "failed") {
			t.Errorf("got %+v, want %s: %s", c, want, says)
		}
		return
	}
	t.Errorf("%s is not in %s of %s", id, of, p.text)
}

// examine runs doctor as a process, because a sign-in reads the environment of its process.
func (e *entra) examine(t *testing.T, block map[string]any) printed {
	t.Helper()
	block = maps.Clone(block)
	block["container"], block["endpoint"] = testenv.Container, e.endpoint
	config, err := json.Marshal(block)
	if err != nil {
		t.Fatal(err)
	}
	environment := testenv.LicensedEnv(t, testenv.MainRun, string(config), "")
	maps.Copy(environment, e.env)
	p := startProcess(t, environment, "doctor", "--json")
	stdout, err := io.ReadAll(p.stdout)
	if err != nil {
		t.Fatal(err)
	}
	output := printed{text: string(stdout)}
	code := p.exit()
	if err := json.Unmarshal(stdout, &output.Report); err != nil || code != output.ExitCode || p.stderr.String() != "" {
		t.Fatalf("got %s, %q, %v and the exit code %d", stdout, p.stderr, err, code)
	}
	if strings.Contains(output.text, "TOPSECRET") || strings.Contains(output.text, "eyJ") {
		t.Errorf("got a secret in %s", output.text)
	}
	return output
}

func TestDoctorSignsIn(t *testing.T) {
	e := startEntra(t)
	got := e.examine(t, map[string]any{})
	if got.ExitCode != 0 || got.SignIn == nil || got.SignIn.Source != signin.Environment || got.SignIn.Seconds <= 0 {
		t.Fatalf("got %s, want no failed check", got.text)
	}
	got.must(t, "sign-in", "sign-in", "ok", "22222222-2222-2222-2222-222222222222")
	got.must(t, "sign-in", "sign-in.environment", "ok", "used")
	got.must(t, "rights", "write.create", "ok", "created")
	if n := len(e.authority.Requests()); n != 1 {
		t.Errorf("got %d requests for a token, want 1", n)
	}
}

// doctor reports the error of Entra ID with its fix, and tries nothing after it.
func TestDoctorReportsEntraErrors(t *testing.T) {
	e := startEntra(t)
	e.authority.Refuse("AADSTS7000222: The provided client secret keys are expired.")
	e.service.TakeRequests()
	got := e.examine(t, map[string]any{"credential": "environment"})
	got.must(t, "sign-in", "sign-in.environment", "failed", "AADSTS7000222")
	got.must(t, "sign-in", "sign-in", "failed", "az login")
	for _, of := range []string{"rights", "round-trip", "security"} {
		got.must(t, of, of, "skipped", "not signed in")
	}
	// doctor may check the network, but not the container.
	if requests := e.service.TakeRequests(); slices.ContainsFunc(requests, func(r azuretest.Request) bool { return strings.Contains(r.Path, "canary-") }) {
		t.Errorf("got the requests %v, want none for an entry", requests)
	}
	if len(got.SignIn.Steps) == 0 || got.SignIn.Source != "" {
		t.Errorf("got %+v, want the steps, and no source", got.SignIn)
	}
}

// Anonymous runs can use a public container as a read-only cache.
func TestDoctorOfAPublicContainer(t *testing.T) {
	e := startEntra(t)
	e.service.Allow(azuretest.Caller{}, azuretest.Rights{Read: true})
	got := e.examine(t, map[string]any{"credential": "anonymous", "ciMode": "read-only"})
	got.must(t, "sign-in", "sign-in", "warning", "public entries are read")
	got.must(t, "rights", "trusted.read", "ok", "")
	if got.ExitCode != 0 {
		t.Errorf("got the exit code %d, want 0", got.ExitCode)
	}

	e.service.Allow(azuretest.Caller{}, azuretest.Rights{})
	closed := e.examine(t, map[string]any{"credential": "anonymous"})
	closed.must(t, "sign-in", "sign-in", "failed", "not signed in")
}

// A failed credential is reported even if a later one works, because it is configured.
func TestDoctorReportsFailedCredential(t *testing.T) {
	e := startEntra(t)
	first := true
	inner := e.authority
	proxy := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && first {
			first = false
			inner.Refuse("AADSTS700016: Application was not found.")
			inner.ServeHTTP(w, r)
			inner.Refuse("")
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	e.env["AZURE_AUTHORITY_HOST"] = proxy.URL
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("an.assertion.of-this-pod"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.env["AZURE_FEDERATED_TOKEN_FILE"] = token
	got := e.examine(t, map[string]any{})
	got.must(t, "sign-in", "sign-in.environment", "warning", "AADSTS700016")
	got.must(t, "sign-in", "sign-in", "ok", "workload-identity")
}
