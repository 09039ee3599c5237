package signin_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

const (
	tenant = "11111111-2222-3333-4444-555555555555"
	app    = "99999999-8888-7777-6666-555555555555"
)

// userToken is the token of a person.
var userToken = func() string {
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"upn": "anna@example.com", "oid": "a11a"}).SignedString([]byte("key"))
	if err != nil {
		panic(err)
	}
	return text
}()

// setUps set up each source.
var setUps = map[string]func(w *machine){
	signin.Environment: func(w *machine) {
		w.set(map[string]string{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": app, "AZURE_CLIENT_SECRET": "s3cret"})
	},
	signin.WorkloadIdentity: func(w *machine) {
		w.set(map[string]string{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": app, "AZURE_FEDERATED_TOKEN_FILE": w.file("token", "assertion")})
	},
	signin.GitHubActions: func(w *machine) {
		// One server for both, because the transport of the tests trusts only one.
		w.set(map[string]string{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": app, "GITHUB_ACTIONS": "true",
			"ACTIONS_ID_TOKEN_REQUEST_URL": w.github().URL + "/token?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job"})
	},
	signin.AzurePipelines: func(w *machine) {
		server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer job" || r.URL.Query().Get("serviceConnectionId") != "connection" {
				http.Error(rw, "no", http.StatusUnauthorized)
				return
			}
			fmt.Fprint(rw, `{"oidcToken":"assertion"}`)
		}))
		w.t.Cleanup(server.Close)
		w.set(map[string]string{"SYSTEM_OIDCREQUESTURI": server.URL, "SYSTEM_ACCESSTOKEN": "job", "AZURESUBSCRIPTION_TENANT_ID": tenant,
			"AZURESUBSCRIPTION_CLIENT_ID": app, "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "connection"})
	},
	signin.ManagedIdentity: func(w *machine) {
		w.machine, w.metadata = signin.Yes, metadataOf
		if os.Getenv("AZURE_CLIENT_ID") == "" { // the library shares tokens between tests by this ID
			w.t.Setenv("AZURE_CLIENT_ID", "machine of "+w.t.Name())
		}
	},
	signin.AzureCLI: func(w *machine) { w.az() },
	signin.AzureDeveloperCLI: func(w *machine) {
		w.tool("azd", `echo '{"token":"`+userToken+`","expiresOn":"2099-01-01T00:00:00Z"}'`)
	},
	signin.AzurePowerShell: func(w *machine) {
		w.tool("pwsh", `echo '{"Token":"`+userToken+`","ExpiresOn":4070908800}'`)
	},
}

// inOrder returns the sources that a search tries.
func inOrder() []string {
	return slices.DeleteFunc(signin.Names(), func(name string) bool { return name == signin.Default || name == signin.Anonymous })
}

// F22: each source is found by the chain and by its name. Of several sources, the first
// in the order is used. A named source is never replaced by another.
func TestF22_every_source(t *testing.T) {
	order := inOrder()
	if len(order) != len(setUps) {
		t.Fatalf("there are %d sources and %d set-ups", len(order), len(setUps))
	}
	for i, first := range order {
		t.Run(first, func(t *testing.T) {
			w := newMachine(t)
			setUps[first](w)
			for _, source := range []string{"", first} {
				r, err := w.signIn(source)
				if err != nil || r.Source != first || r.Principal == "" && first != signin.ManagedIdentity {
					t.Fatalf("with credential %q: got %+v, %v; want %s", source, r, err, first)
				}
			}
			for _, second := range order[i+1:] {
				setUps[second](w)
			}
			r, err := w.signIn("")
			if err != nil || r.Source != first {
				t.Errorf("with all later sources: got %s, %v; want %s", r.Source, err, first)
			}
			if last := order[len(order)-1]; first != last {
				if r, err := w.signIn(last); err != nil || r.Source != last {
					t.Errorf("with credential %q: got %s, %v", last, r.Source, err)
				}
			}
		})
	}
}

func TestEnvironmentWithACertificate(t *testing.T) {
	w := newMachine(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := w.file("app.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))+
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
	w.set(map[string]string{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": app, "AZURE_CLIENT_CERTIFICATE_PATH": file})
	r, err := w.signIn("")
	if err != nil || r.Source != signin.Environment {
		t.Errorf("got %+v, %v", r, err)
	}
	t.Setenv("AZURE_CLIENT_CERTIFICATE_PATH", file+".gone")
	r, err = w.signIn(signin.Environment)
	if err == nil || !strings.Contains(err.Error(), "environment failed") || !strings.Contains(err.Error(), ".gone") {
		t.Errorf("got %+v, %v; want an error that names the missing file", r, err)
	}
}

// If a source is configured by name, the error is about that source.
func TestNamedSourceThatIsNotSetUp(t *testing.T) {
	w := newMachine(t)
	w.az()
	_, err := w.signIn(signin.Environment)
	const want = "environment is not set up: neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// A refusal of Entra ID is reported with its fix, whether or not another source works.
func TestRefusalIsReported(t *testing.T) {
	w := newMachine(t)
	setUps[signin.Environment](w)
	w.authority.Refuse("AADSTS7000215: Invalid client secret provided.")
	_, err := w.signIn("")
	const want = "environment failed: AADSTS7000215: Invalid client secret provided. (AZURE_CLIENT_SECRET is wrong: set it to the secret's value, not its ID); " +
		"not set up: workload-identity, github-actions, azure-pipelines, managed-identity, azure-cli, azure-developer-cli, azure-powershell"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	w.az()
	r, err := w.signIn("")
	if err != nil || r.Source != signin.AzureCLI || r.Steps[0].Outcome != signin.Failed || !strings.HasPrefix(r.Steps[0].Detail, "AADSTS7000215: ") {
		t.Errorf("got %+v, %v; want the Azure CLI, and the refusal in the steps", r, err)
	}
}

func TestNoCredential(t *testing.T) {
	for _, test := range []struct {
		name, want string
		noneSetUp  bool
		set        func(w *machine)
	}{
		{"a machine without anything", "not set up: environment, ", true, func(*machine) {}},
		{"az without a user", "azure-cli", true, func(w *machine) {
			w.tool("az", `echo "ERROR: Please run 'az login' to setup account." >&2; exit 1`)
		}},
		{"az whose sign-in has expired", "AADSTS700082: The refresh token has expired", false, func(w *machine) {
			w.tool("az", `echo "ERROR: AADSTS700082: The refresh token has expired. Run az login" >&2; exit 1`)
		}},
		{"az behind a proxy that looks into TLS", "(az does not read NODE_EXTRA_CA_CERTS: set REQUESTS_CA_BUNDLE to a PEM file with all certificate authorities to trust)", false, func(w *machine) {
			w.tool("az", `echo "ERROR: HTTPSConnectionPool(host='login.microsoftonline.com', port=443): Max retries exceeded with url: /organizations/oauth2/v2.0/token (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self signed certificate in certificate chain (_ssl.c:997)')))" >&2; exit 1`)
		}},
		{"half an environment", "environment is not set up: AZURE_TENANT_ID is not set", true, func(w *machine) {
			w.set(map[string]string{"AZURE_CLIENT_ID": app, "AZURE_CLIENT_SECRET": "s3cret"})
		}},
		{"a job of GitHub without the right", "permissions: id-token: write", true, func(w *machine) {
			w.set(map[string]string{"GITHUB_ACTIONS": "true", "AZURE_CLIENT_ID": app, "AZURE_TENANT_ID": tenant})
		}},
		{"a job of GitHub without an app", "github-actions is not set up: AZURE_CLIENT_ID and AZURE_TENANT_ID are not set", true, func(w *machine) {
			w.set(map[string]string{"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job"})
		}},
		{"a pipeline that keeps its token", "SYSTEM_ACCESSTOKEN is not set", true, func(w *machine) {
			w.set(map[string]string{"SYSTEM_OIDCREQUESTURI": "https://x", "AZURESUBSCRIPTION_TENANT_ID": tenant,
				"AZURESUBSCRIPTION_CLIENT_ID": app, "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "connection"})
		}},
		{"a pipeline that wants nothing", "not set up: environment, workload-identity, github-actions, azure-pipelines,", true, func(w *machine) {
			w.set(map[string]string{"SYSTEM_OIDCREQUESTURI": "https://x"})
		}},
		{"GitHub that gives none", "github-actions failed: ", false, func(w *machine) {
			setUps[signin.GitHubActions](w)
			w.t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newMachine(t)
			test.set(w)
			_, err := w.signIn("")
			failed, ok := errors.AsType[*signin.Error](err)
			if !ok || !strings.Contains(err.Error(), test.want) || failed.NoneSetUp() != test.noneSetUp {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "another")) {
				t.Errorf("a secret in %v", err)
			}
		})
	}
}

// F20: each token is requested with a new assertion, because those of GitHub expire after
// some minutes.
func TestF20_each_token_has_its_own_assertion(t *testing.T) {
	w := newMachine(t)
	setUps[signin.GitHubActions](w)
	w.authority.Life = time.Second
	tokens := w.tokens("")
	for range 3 {
		token, err := tokens.GetToken(t.Context(), signin.Storage)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Until(token.ExpiresOn)) // the libraries use the real clock
	}
	var assertions []string
	for _, form := range w.authority.Requests() {
		assertions = append(assertions, form.Get("client_assertion"))
	}
	if want := []string{"assertion-1", "assertion-2", "assertion-3"}; !slices.Equal(assertions, want) {
		t.Errorf("got %v, want %v", assertions, want)
	}
}

// A cancelled sign-in returns at once.
func TestSignInThatIsCancelled(t *testing.T) {
	w := newMachine(t)
	w.tool("az", "exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	tokens := w.tokens("")
	ended := make(chan error)
	go func() {
		_, err := tokens.GetToken(ctx, signin.Storage)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
