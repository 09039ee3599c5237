package azure_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic/diagnostictest"
)

// anna is the token of a person. Its signature is invalid, but only the storage would
// check it.
var anna = token(strings.Join([]string{
	base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT"}`)),
	base64.RawURLEncoding.EncodeToString([]byte(`{"upn":"anna@example.com","oid":"0b1ec7"}`)),
	"c2lnbmF0dXJl",
}, "."))

// opener opens a container with a credential.
type opener func(t *testing.T, s *server) *azure.Container

func byKey(t *testing.T, s *server) *azure.Container { return s.container(t) }

func byToken(t *testing.T, s *server) *azure.Container {
	return open(t, azure.Options{Container: "results", Endpoint: s.URL + "/account", Credential: anna, Transport: s.Client()})
}

// sasOf returns options with a SAS that has additional fields.
func sasOf(fields string) opener {
	return func(t *testing.T, s *server) *azure.Container {
		return open(t, azure.Options{Container: "results", SASURL: endpoint.Secret(s.URL + "/account/results?sv=2024-11-04&" + fields + "&sig=" + url.QueryEscape(sasSignature))})
	}
}

// at formats a time for a SAS.
func at(d time.Duration) string { return url.QueryEscape(time.Now().Add(d).UTC().Format(time.RFC3339)) }

// refusing responds to every request with a status, a code, more headers ("Name: value"),
// and a detail in its body.
func refusing(t *testing.T, status int, code, detail string, headers ...string) *server {
	return newTLSOrPlain(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		for _, header := range headers {
			name, value, _ := strings.Cut(header, ": ")
			w.Header().Set(name, value)
		}
		w.Header().Set("X-Ms-Request-Id", "1")
		w.Header().Set("X-Ms-Error-Code", code)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><AuthenticationErrorDetail>%s</AuthenticationErrorDetail></Error>", code, detail)
	})
}

func newTLSOrPlain(t *testing.T, respond func(n int, w http.ResponseWriter, r *http.Request)) *server {
	if strings.Contains(t.Name(), "token") {
		return newTLSServer(t, respond)
	}
	return newServer(t, respond)
}

const (
	tenant    = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	challenge = "WWW-Authenticate: Bearer authorization_uri=https://login.microsoftonline.com/" + tenant + "/oauth2/authorize resource_id=https://storage.azure.com"
)

func clockOff(d time.Duration) string {
	return "Date: " + time.Now().Add(d).UTC().Format(http.TimeFormat)
}

// The error of each refusal is one line that names the case and its fix (rushstack#3270).
// The cases with "token" use servers with TLS.
func TestF24EachRefusalNamesItsFix(t *testing.T) {
	const (
		get, put = "get", "put"
		makeRC   = "create another with `az storage container generate-sas --account-name account --name results --permissions rc --https-only"
	)
	for _, test := range []struct {
		name      string
		by        opener
		status    int
		code      string
		detail    string
		header    string
		operation string
		want      []string
	}{
		{"role, token", byToken, 403, "AuthorizationPermissionMismatch", "", "", get, []string{
			`refused to get (403 AuthorizationPermissionMismatch): anna@example.com (object 0b1ec7) lacks a data role that can read blobs in the container "results" (Owner and Contributor do not include one): `,
			"`az role assignment create --role \"Storage Blob Data Contributor\" --assignee 0b1ec7 --scope \"$(az storage account show --name account --query id --output tsv)\"/blobServices/default/containers/results`",
			"Storage Blob Data Reader is enough"}},
		{"role to write, token", byToken, 403, "AuthorizationPermissionMismatch", "", "", put, []string{"lacks a data role that can create blobs"}},
		{"account, token", byToken, 403, "InsufficientAccountPermissions", "", "", put, []string{"lacks a data role that can create blobs"}},
		{"role, key", byKey, 403, "AuthorizationPermissionMismatch", "", "", get, []string{"the account key lacks a data role", "--assignee OBJECT-ID"}},

		{"letters", sasOf("sr=c&sp=r"), 403, "AuthorizationPermissionMismatch", "", "", put, []string{
			`refused to put (403 AuthorizationPermissionMismatch): the SAS has the permissions sp=r but lacks "c", needed to restore and store results: ` + makeRC}},
		{"letters to read", sasOf("sr=c&sp=cw"), 403, "AuthorizationPermissionMismatch", "", "", get, []string{`sp=cw but lacks "r", needed to restore and store results: ` + strings.Replace(makeRC, "--permissions rc ", "--permissions rcw ", 1)}},
		{"stored policy", sasOf("sr=c&si=ci"), 403, "AuthorizationPermissionMismatch", "", "", put, []string{`stored access policy that lacks "c"`}},
		{"one blob", sasOf("sr=b&sp=rc"), 403, "AuthorizationPermissionMismatch", "", "", put, []string{"the SAS is for a single blob or directory (sr)"}},
		{"role of who signed", sasOf("sr=c&sp=rc&skoid=1"), 403, "AuthorizationPermissionMismatch", "", "", put, []string{"its signer (skoid) lacks the data role: assign Storage Blob Data Contributor on the container"}},
		{"letters are there", sasOf("sr=c&sp=rc"), 403, "AuthorizationPermissionMismatch", "", "", put, []string{"the account still denies this"}},
		{"letters are a secret", sasOf("sr=c&sp=" + url.QueryEscape(sasSignature)), 403, "AuthorizationPermissionMismatch", "", "", put, []string{"sp= but lacks"}},
		{"services", sasOf("ss=fq&srt=o&sp=rc"), 403, "AuthorizationServiceMismatch", "", "", get, []string{"for other services (ss=fq) and lacks b, for blobs"}},
		{"resources", sasOf("ss=b&srt=s&sp=rc"), 403, "AuthorizationResourceTypeMismatch", "", "", get, []string{"for other resource types (srt=s) and lacks o, for objects"}},
		{"addresses", sasOf("sr=c&sp=rc&sip=10.0.0.1-10.0.0.9"), 403, "AuthorizationSourceIPMismatch", "", "", get, []string{"allows only the addresses 10.0.0.1-10.0.0.9 (sip)"}},
		{"address, key", byKey, 403, "AuthorizationSourceIPMismatch", "", "", get, []string{"this machine's address is not allowed: the network rules of the account account"}},
		{"protocol", sasOf("sr=c&sp=rc&spr=https"), 403, "AuthorizationProtocolMismatch", "", "", get, []string{"allows only https (spr=https), but the endpoint is http://127.0.0.1"}},

		{"expired SAS", sasOf("sr=c&sp=rc&se=" + at(-3*24*time.Hour)), 403, "AuthenticationFailed", "", "", get, []string{"the SAS expired at ", " (se), 3 days ago: " + makeRC}},
		{"expired SAS by date", sasOf("sr=c&sp=rc&se=2020-01-01"), 403, "AuthenticationFailed", "", "", get, []string{"the SAS expired at 2020-01-01 00:00 UTC (se)"}},
		{"expired SAS of another code", sasOf("sr=c&sp=rc&se=" + at(-3*time.Hour)), 403, "AuthorizationFailure", "", "", get, []string{"the SAS expired at ", " (se), 3 hours ago"}},
		{"early SAS", sasOf("sr=c&sp=rc&st=" + at(45*time.Minute+30*time.Second) + "&se=" + at(time.Hour)), 403, "AuthenticationFailed", "", "", get, []string{"the SAS is not valid before ", " (st), in 45 minutes: wait"}},
		{"SAS and a wrong clock", sasOf("sr=c&sp=rc&st=" + at(-time.Minute)), 403, "AuthenticationFailed", "", clockOff(-2 * time.Hour), get, []string{
			"the SAS is not valid before ", "this machine's clock is ", " ahead of Azure's: set it (`timedatectl set-ntp true`"}},
		{"policy that is gone", sasOf("sr=c&si=ci"), 403, "AuthenticationFailed", "", "", get, []string{"its stored access policy (si) expired or was deleted"}},
		{"signature", sasOf("sr=c&sp=rc&se=" + at(time.Hour)), 403, "AuthenticationFailed", "Signature did not match. " + sasSignature, "", get, []string{"the signature of the SAS does not match"}},
		{"key", byKey, 403, "AuthenticationFailed", "", "", get, []string{
			"the AccountKey in AZURE_STORAGE_CONNECTION_STRING is not a key of the account account, perhaps because it was rotated: run `az storage account show-connection-string --name account`"}},
		{"key and a wrong clock", byKey, 403, "AuthenticationFailed", "", clockOff(20*time.Minute + 30*time.Second), get, []string{
			"the request was signed with a wrong time: this machine's clock is 20 minutes behind Azure's"}},
		{"key that is switched off", byKey, 403, "KeyBasedAuthenticationNotPermitted", "", "", get, []string{
			"the account account accepts neither shared keys", "unset AZURE_STORAGE_CONNECTION_STRING and NX_AZURE_CACHE_SAS_URL, set azure.accountName"}},

		{"expired token", byToken, 401, "InvalidAuthenticationInfo", "Lifetime validation failed. The token is expired.", "", get, []string{
			"refused to get (401 InvalidAuthenticationInfo): the token of anna@example.com (object 0b1ec7) has expired: sign in again (az login)"}},
		{"audience, token", byToken, 401, "InvalidAuthenticationInfo", "Audience validation failed. Audience did not match.", challenge, get, []string{"is for another service or cloud: set azure.cloud"}},
		{"issuer, token", byToken, 401, "InvalidAuthenticationInfo", "Issuer validation failed. Issuer did not match.", "", get, []string{"from another tenant than the account account: set AZURE_TENANT_ID"}},
		{"tenant, token", byToken, 401, "InvalidAuthenticationInfo", "Issuer validation failed. Issuer did not match.", challenge, get, []string{
			"the account account accepts tokens of the tenant " + tenant, "set AZURE_TENANT_ID=" + tenant + ", or run `az login --tenant " + tenant + "`"}},
		{"token", byToken, 403, "AuthenticationFailed", "", "", get, []string{"rejected the token of anna@example.com (object 0b1ec7)", "azure.cloud"}},
		{"token and a wrong clock", byToken, 401, "InvalidAuthenticationInfo", "Lifetime validation failed. The token is not valid yet.", clockOff(-3*time.Hour - time.Minute), get, []string{
			"is not valid at this time: this machine's clock is 3 hours ahead of Azure's"}},
		{"400, token", byToken, 400, "InvalidAuthenticationInfo", "", "", get, []string{"refused to get (400 InvalidAuthenticationInfo): the account account rejected the token"}},

		{"network rules, token", byToken, 403, "AuthorizationFailure", "", "", get, []string{
			"the network rules of the account account block this machine: use the VPN, a private endpoint or a runner inside the network, or run `az storage account network-rule add --account-name account --ip-address ADDRESS` with this machine's public address"}},
		{"network rules or the SAS", sasOf("sr=c&sp=rc"), 403, "AuthorizationFailure", "", "", get, []string{"block this machine", "; or the SAS is for another container"}},
		{"network rules or the keys", byKey, 403, "AuthorizationFailure", "", "", get, []string{"block this machine", "; or the account's keys are disabled"}},
		{"disabled account, token", byToken, 403, "AccountIsDisabled", "", "", get, []string{"the account account is disabled"}},
		{"https only", byKey, 400, "AccountRequiresHttps", "", "", get, []string{"accepts only https", "DefaultEndpointsProtocol=https"}},
		{"not public, token", byToken, 409, "PublicAccessNotPermitted", "", "", get, []string{"does not allow anonymous reads"}},
		{"no container, token", byToken, 404, "ContainerNotFound", "", "", get, []string{
			`container "results" does not exist (`, "/account/results): create it with `az storage container create --account-name account --name results --auth-mode login`"}},
		{"unknown, token", byToken, 403, "SomethingNew", "", "", get, []string{
			"refused to get (403 SomethingNew): check the data role of anna@example.com (object 0b1ec7) on the container, and the network rules of the account; `npx nx-azure-cache doctor`"}},
		{"unknown 401, token", byToken, 401, "SomethingNew", "", "", get, []string{"rejected the token of"}},
		{"a code that is none, token", byToken, 403, "x y " + sasSignature, "", "", get, []string{"refused to get (403): check"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := refusing(t, test.status, test.code, test.detail, test.header)
			c := test.by(t, s)
			_, err := readOrWrite(t, c, test.operation == put)
			if outcomeOf(err) != configError {
				t.Fatalf("got %v, want a %s", err, configError)
			}
			text := err.Error()
			for _, want := range append(test.want, "127.0.0.1") {
				if !strings.Contains(text, want) {
					t.Errorf("got  %s\nwithout %s", text, want)
				}
			}
			if strings.Contains(text, "\n") {
				t.Errorf("got several lines: %q", text)
			}
			checkSecrets(t, err)
			diagnostictest.CheckError(t, err)
			if got := len(s.seen()); got > 2 { // a put also checks whether the blob exists
				t.Errorf("got %d requests: the client retried", got)
			}
		})
	}
}

// readOrWrite reads or writes.
func readOrWrite(t *testing.T, c *azure.Container, write bool) (string, error) {
	if write {
		return "", put(t, c, "a", "content")
	}
	return get(t, c, "a")
}

// Commands name the account if the host contains it.
func TestF24CommandsNameTheAccount(t *testing.T) {
	for _, test := range []struct{ endpoint, account string }{
		{"https://acc.blob.core.windows.net", "acc"},
		{"https://acc.blob.core.usgovcloudapi.net", "acc"},
		{"https://acc.privatelink.blob.core.windows.net", "acc"},
		{"https://acc.z12.blob.storage.azure.net", "acc"},
		{"https://acc-secondary.blob.core.windows.net", "acc"},
		{"https://127.0.0.1:10000/acc", "acc"},
		{"https://cache.example.com", "ACCOUNT"},
	} {
		respond := transporter(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			fail(w, http.StatusNotFound, "ContainerNotFound")
			return w.Result(), nil
		})
		c := open(t, azure.Options{Container: "results", Endpoint: test.endpoint, Credential: anna, Transport: respond})
		if _, err := get(t, c, "a"); err == nil || !strings.Contains(err.Error(), "--account-name "+test.account+" ") {
			t.Errorf("%s: got %v, want the account %s", test.endpoint, err, test.account)
		}
	}
}

// The address of a connection is known after a request.
func TestPeer(t *testing.T) {
	s := newServer(t, ok)
	sender := transport.New(generous, transport.Environment{})
	t.Cleanup(sender.CloseIdleConnections)
	c := open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString(s.URL)), Limits: generous, Transport: sender})
	address := s.Listener.Addr().String()
	if got := sender.Peer(address); got.IsValid() {
		t.Errorf("got %s before there was a connection", got)
	}
	if _, err := get(t, c, "a"); err != nil {
		t.Fatal(err)
	}
	if got := sender.Peer(address); got.String() != "127.0.0.1" {
		t.Errorf("got %s, want 127.0.0.1", got)
	}
}
