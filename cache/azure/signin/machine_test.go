package signin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// No response from the metadata address prevents the search from reaching the Azure CLI,
// or delays it for long.
func TestMetadataAddressNeverEndsTheChain(t *testing.T) {
	answers := func(status int, body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, body)
		}
	}
	const absent, failed = signin.NotSetUp, signin.Failed
	for name, test := range map[string]struct {
		metadata http.HandlerFunc
		outcome  signin.Outcome
		requests int
	}{
		"401 of a sandbox":              {answers(401, ""), absent, 1},
		"403 of Docker":                 {answers(403, "unreachable"), absent, 1},
		"404 of another cloud":          {answers(404, "not found"), absent, 1},
		"500":                           {answers(500, ""), failed, 3}, // the token is requested twice
		"a page of a portal":            {answers(200, "<html>Please sign in</html>"), absent, 1},
		"a machine without an identity": {answers(400, `{"error":"invalid_request","error_description":"Identity not found"}`), absent, 2},
		"no listener, packets dropped":  {nil, absent, 1},
		"a machine with nonsense": {func(rw http.ResponseWriter, r *http.Request) {
			answers(map[bool]int{true: 404, false: 400}[r.Header.Get("Metadata") == "true"], "")(rw, r)
		}, failed, 2},
	} {
		for _, client := range []string{"", "assigned to no machine"} {
			t.Run(name+" "+client, func(t *testing.T) {
				w := newMachine(t)
				w.machine, w.metadata = signin.Yes, test.metadata
				t.Setenv("AZURE_CLIENT_ID", client)
				w.az()
				begun := time.Now()
				r, err := w.signIn("")
				if err != nil || r.Source != signin.AzureCLI || r.Principal != "anna@example.com (object a11a)" {
					t.Errorf("got %+v, %v; want the Azure CLI", r, err)
				}
				i := slices.IndexFunc(r.Steps, func(s signin.Step) bool { return s.Source == signin.ManagedIdentity })
				if i < 0 || r.Steps[i].Outcome != test.outcome {
					t.Errorf("got %+v; want the machine's identity %s", r.Steps, test.outcome)
				}
				if got := w.has("169.254.169.254"); got != test.requests {
					t.Errorf("got %d requests to the metadata address, want %d", got, test.requests)
				}
				if took := time.Since(begun); took > 10*time.Second { // azidentity: 96 s
					t.Errorf("took %s", took)
				}
			})
		}
	}
}

// No sign-in waits for a metadata address without a listener. Outside Azure the address
// is not tried, and it comes last if the machine is unknown.
func TestMetadataAddressIsNotTried(t *testing.T) {
	for machine, want := range map[signin.Likelihood]int{signin.No: 0, signin.Unknown: 0, signin.Yes: 1} {
		w := newMachine(t)
		w.machine = machine
		w.az()
		if r, err := w.signIn(""); err != nil || r.Source != signin.AzureCLI {
			t.Fatalf("got %+v, %v", r, err)
		}
		if got := w.has("169.254.169.254"); got != want {
			t.Errorf("likelihood %d: got %d requests, want %d", machine, got, want)
		}
	}
	w := newMachine(t)
	setUps[signin.ManagedIdentity](w)
	w.machine = signin.Unknown
	if r, err := w.signIn(""); err != nil || r.Source != signin.ManagedIdentity {
		t.Errorf("got %+v, %v; want the machine's identity if no other source works", r, err)
	}
	w.machine = signin.No
	if r, err := w.signIn(signin.ManagedIdentity); err != nil || r.Source != signin.ManagedIdentity {
		t.Errorf("got %+v, %v; want the machine's identity if it is named", r, err)
	}
}

// Variables name the identity services of App Service, Cloud Shell and others.
func TestManagedIdentityOfAService(t *testing.T) {
	w := newMachine(t)
	service := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-IDENTITY-HEADER") != "header" || r.URL.Query().Get("client_id") != app {
			http.Error(rw, "no", http.StatusForbidden)
			return
		}
		metadataOf(rw, &http.Request{Header: http.Header{"Metadata": {"true"}}})
	}))
	t.Cleanup(service.Close)
	w.set(map[string]string{"IDENTITY_ENDPOINT": service.URL, "IDENTITY_HEADER": "header", "AZURE_CLIENT_ID": app})
	r, err := w.signIn("")
	if err != nil || r.Source != signin.ManagedIdentity {
		t.Errorf("got %+v, %v", r, err)
	}
	if n := w.has("169.254.169.254"); n != 0 {
		t.Errorf("got %d requests to the metadata address, want none", n)
	}
}
