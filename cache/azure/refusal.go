package azure

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// isAzure reports whether Azure, or an emulator of it, has given an answer with
// this header: all of its answers have some of its own.
func isAzure(header http.Header) bool {
	for name := range header {
		if strings.HasPrefix(name, "X-Ms-") {
			return true
		}
	}
	return false
}

// interceptedError says that somebody else has answered in Azure's place.
type interceptedError struct{ response *http.Response }

func (e *interceptedError) Error() string { return "something else answers in the place of Azure" }

// isPage reports whether an answer that looks like success is a page for people:
// that of a captive portal or a firewall.
func isPage(contentType *string, requestID *string) bool {
	return requestID == nil && contentType != nil && strings.HasPrefix(strings.ToLower(*contentType), "text/html")
}

// intercepted says who may have answered, as far as can be told.
func (c *Container) intercepted(answer *interceptedError) string {
	what, who := "a page for people", ""
	if response := answer.response; response != nil {
		if response.StatusCode != http.StatusOK {
			what = fmt.Sprint(response.StatusCode)
		}
		for _, header := range []string{"Server", "Via"} {
			if name := response.Header.Get(header); name != "" && who == "" {
				who = fmt.Sprintf(", %s: %.120q", header, name)
			}
		}
	}
	through := ""
	if proxy := c.proxy(); proxy.Address != "" {
		through = "; the requests go through " + proxy.String()
	}
	return c.scrub(fmt.Sprintf("%s is not reached: something on the way answers in its place (%s%s): a proxy, a firewall or a captive portal%s; "+
		"let it allow %s, sign in to the network, or correct HTTPS_PROXY and NO_PROXY", c.url, what, who, through, c.host()))
}

// proxy is the one that requests go through, or the zero value.
func (c *Container) proxy() Proxy {
	transport, ok := c.transport.(*Transport)
	u, err := url.Parse(c.url)
	if !ok || err != nil {
		return Proxy{}
	}
	return transport.environment.ProxyFor(u)
}

func (c *Container) host() string {
	u, err := url.Parse(c.url)
	if err != nil {
		return c.url
	}
	return u.Hostname()
}

// address is the host and the port.
func (c *Container) address() string {
	u, err := url.Parse(c.url)
	if err != nil {
		return c.url
	}
	return addressOf(u)
}

// dnsZones are what may stand between an account's name and "blob"
// (learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-endpoints).
var dnsZones = regexp.MustCompile(`^(privatelink\.)?(z\d+\.)?`)

// account is the name of the account, as far as the URL tells; else what a
// command has in its place.
func (c *Container) account() string {
	const unknown = "ACCOUNT"
	u, err := url.Parse(c.url)
	if err != nil {
		return unknown
	}
	name, zone, _ := strings.Cut(u.Hostname(), ".")
	zone = dnsZones.ReplaceAllString(zone, "")
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	switch {
	case strings.HasPrefix(zone, "blob."):
		name = strings.TrimSuffix(name, "-secondary")
	case len(path) == 2: // http://127.0.0.1:10000/ACCOUNT/CONTAINER
		name = path[0]
	default:
		return unknown
	}
	if CheckAccountName(name) != nil { // the endpoint may be of any server
		return unknown
	}
	return name
}

// pasted is a value in a command for people to paste.
func pasted(value string) string {
	if word, ok := printable.Word(value); ok {
		return word
	}
	return "VALUE"
}

// noContainer says what mends that the container does not exist.
func (c *Container) noContainer() string {
	return fmt.Sprintf("container %q does not exist (%s): create it with `az storage container create --account-name %s --name %s --auth-mode login`, "+
		"or correct azure.container in nx.json", c.name, c.url, pasted(c.account()), pasted(c.name))
}

// refusal is what is known of a request that was refused.
type refusal struct {
	*Container
	operation string
	response  *azcore.ResponseError
	by        signer
	sas       url.Values
	// behind is by how much the clock of this machine is behind that of Azure.
	behind  time.Duration
	isTimed bool // behind is known
}

// signer is what a request was signed with.
type signer int

const (
	byNobody signer = iota
	byKey
	bySAS
	byToken
)

// refused says why a request was refused and what mends that, as far as can be
// told from the answer's code, the request, and the clocks.
func (c *Container) refused(operation string, response *azcore.ResponseError) string {
	r := refusal{Container: c, operation: operation, response: response}
	if raw := response.RawResponse; raw != nil {
		r.behind, r.isTimed = skewOf(raw.Header, time.Now())
		if raw.Request != nil {
			r.by, r.sas = signerOf(raw.Request)
		}
	}
	if explain := explanations[codeOf(response)]; explain != nil {
		return explain(r)
	}
	if response.StatusCode == http.StatusUnauthorized {
		return r.notAuthenticated()
	}
	return "check the data role of " + r.who() + " on the container, and the network rules of the account; `npx nx-azure-cache doctor` tries each"
}

var explanations = map[bloberror.Code]func(refusal) string{
	bloberror.AuthorizationPermissionMismatch:   refusal.lacksPermission,
	bloberror.InsufficientAccountPermissions:    refusal.lacksPermission,
	bloberror.AuthorizationServiceMismatch:      refusal.lacksService,
	bloberror.AuthorizationResourceTypeMismatch: refusal.lacksResourceType,
	bloberror.AuthorizationFailure:              refusal.isKeptOut,
	bloberror.AuthorizationSourceIPMismatch:     refusal.hasOtherAddress,
	bloberror.AuthorizationProtocolMismatch:     refusal.hasOtherProtocol,
	bloberror.AuthenticationFailed:              refusal.notAuthenticated,
	bloberror.InvalidAuthenticationInfo:         refusal.notAuthenticated,
	bloberror.NoAuthenticationInformation:       refusal.notAuthenticated,
	bloberror.AccountIsDisabled: func(r refusal) string {
		return fmt.Sprintf("the account %s is disabled, as is its subscription perhaps: see its state and its bills in the Azure portal", r.account())
	},
	keysNotPermitted: func(r refusal) string {
		return fmt.Sprintf("the account %s takes no shared keys, nor a SAS that was signed with one: unset AZURE_STORAGE_CONNECTION_STRING and NX_AZURE_CACHE_SAS_URL, "+
			"set azure.accountName in nx.json, and sign in (az login, or an identity of CI; docs/setup.md)", r.account())
	},
	publicAccessNotPermitted: func(r refusal) string {
		return fmt.Sprintf("the account %s allows no reading without a sign-in (%s): sign in (az login, or an identity of CI; docs/setup.md)", r.account(), r.url)
	},
	accountRequiresHTTPS: func(r refusal) string {
		return fmt.Sprintf("the account %s takes https only (%s): let the connection string have DefaultEndpointsProtocol=https", r.account(), r.url)
	},
}

func signerOf(request *http.Request) (signer, url.Values) {
	if query := request.URL.Query(); query.Has("sig") {
		return bySAS, query
	}
	switch scheme, _, _ := strings.Cut(request.Header.Get("Authorization"), " "); scheme {
	case "Bearer":
		return byToken, nil
	case "SharedKey", "SharedKeyLite":
		return byKey, nil
	default:
		return byNobody, nil
	}
}

// who has sent the request.
func (r refusal) who() string {
	switch principal := r.principal(); {
	case r.by == byKey:
		return "the account key"
	case r.by == bySAS:
		return "the SAS"
	case principal != "":
		return principal
	default:
		return "the identity"
	}
}

// verbs are what an operation does to blobs, in the words of roles.
var verbs = map[string]string{"get": "read", "look at": "read", "list": "list", "put": "create", "replace": "overwrite", "delete": "delete"}

// lacksPermission is about the role of an identity, or the letters of a SAS.
func (r refusal) lacksPermission() string {
	if r.by == bySAS {
		return r.lacksLetters()
	}
	role, more := "Storage Blob Data Contributor", ""
	switch r.operation {
	case "get", "look at", "list":
		more = " (Storage Blob Data Reader is enough where it only reads)"
	}
	return fmt.Sprintf("%s lacks a data role that may %s blobs in the container %q (the roles Owner and Contributor include none): "+
		"`az role assignment create --role %q --assignee %s --scope \"$(az storage account show --name %s --query id --output tsv)\"/blobServices/default/containers/%s`%s; "+
		"it takes effect within ten minutes", r.who(), verbs[r.operation], r.name, role, pasted(r.assignee()), pasted(r.account()), pasted(r.name), more)
}

var objectID = regexp.MustCompile(`\bobject ([0-9A-Za-z][0-9A-Za-z-]*)`)

// assignee is who a role is to be given to, in a command.
func (r refusal) assignee() string {
	if found := objectID.FindStringSubmatch(r.principal()); found != nil {
		return found[1]
	}
	return "OBJECT-ID"
}

// needs are the permissions of a SAS of which an operation needs one.
var needs = map[string]string{"get": "r", "look at": "r", "put": "cw", "replace": "w", "list": "l", "delete": "d"}

// lacksLetters is about sp of a SAS.
func (r refusal) lacksLetters() string {
	allowed, needed := letters(r.sas.Get("sp")), needs[r.operation]
	switch {
	case allowed == "" && r.sas.Get("si") != "":
		return fmt.Sprintf("the SAS takes its permissions from a stored access policy of the container, which lacks %q: add it there, or %s", needed[:1], r.makeSAS())
	case !strings.ContainsAny(allowed, needed):
		return fmt.Sprintf("the SAS has the permissions sp=%s and lacks %q, with which to %s: %s", allowed, needed[:1], r.operation, r.makeSAS())
	case r.sas.Get("sr") == "b" || r.sas.Get("sr") == "d":
		return "the SAS is one of a single blob or folder (sr), and a cache needs one of a container: " + r.makeSAS()
	case r.sas.Get("skoid") != "":
		return "the SAS has the permission, but who has signed it (skoid) lacks the data role: give it Storage Blob Data Contributor on the container, or " + r.makeSAS()
	default:
		return "the SAS has the permission, and the account does not allow this all the same: " + r.makeSAS()
	}
}

// makeSAS is how to get a SAS that is good.
func (r refusal) makeSAS() string {
	permissions := "rc" // what a cache needs
	if needed := needs[r.operation]; needed != "" && !strings.ContainsAny(permissions, needed) {
		permissions += needed[:1]
	}
	return fmt.Sprintf("make another with `az storage container generate-sas --account-name %s --name %s --permissions %s --https-only --expiry DATE --as-user --auth-mode login`, which prints what stands behind ? in its URL",
		pasted(r.account()), pasted(r.name), permissions)
}

func (r refusal) lacksService() string {
	return fmt.Sprintf("the SAS is one of the account for other services (ss=%s) and lacks b, for blobs: %s", letters(r.sas.Get("ss")), r.makeSAS())
}

func (r refusal) lacksResourceType() string {
	needed := "o, for objects"
	if r.operation == "list" {
		needed = "c, for containers"
	}
	return fmt.Sprintf("the SAS is one of the account for other resources (srt=%s) and lacks %s: %s", letters(r.sas.Get("srt")), needed, r.makeSAS())
}

// isKeptOut is about the network rules, for the most part; the code has other
// causes, too.
func (r refusal) isKeptOut() string {
	others := ""
	switch r.by {
	case bySAS:
		if trouble := r.sasOutOfTime(); trouble != "" {
			return trouble
		}
		others = "; or the SAS is one of another container, or signed with a key that is disabled"
	case byKey:
		others = "; or the account's keys are disabled"
	}
	comes := "this machine's public address"
	if proxy := r.proxy(); proxy.Address != "" {
		comes = "the public address of " + proxy.String()
		others = fmt.Sprintf("; or the account has a private endpoint: add %s to NO_PROXY", r.host()) + others
	}
	return fmt.Sprintf("the network rules of the account %s keep this machine out (use the VPN, a private endpoint or a runner inside, "+
		"or `az storage account network-rule add --account-name %s --ip-address ADDRESS` with %s)%s%s",
		r.account(), pasted(r.account()), comes, r.publicAddress(), others)
}

// publicAddress tells that requests go to the public address of the account, which
// is wrong where that has a private endpoint.
func (r refusal) publicAddress() string {
	transport, ok := r.transport.(*Transport)
	u, err := url.Parse(r.url)
	if !ok || err != nil {
		return ""
	}
	return publicHint(u.Hostname(), transport.dialer.peer(addressOf(u)))
}

// publicHint is what is to be done where a host leads to an address and has a
// private endpoint; "" where that is it, or not known.
func publicHint(host string, at netip.Addr) string {
	_, zone, _ := strings.Cut(strings.Replace(host, ".privatelink.", ".", 1), ".")
	if !at.IsValid() || isPrivate(at) || !strings.HasPrefix(zone, "blob.") {
		return ""
	}
	return fmt.Sprintf("; this machine's DNS leads %s to the public address %s: if the account has a private endpoint, link the private DNS zone privatelink.%s to this machine's network",
		host, at, zone)
}

var addresses = regexp.MustCompile(`^[0-9A-Fa-f:.]+(-[0-9A-Fa-f:.]+)?$`)

func (r refusal) hasOtherAddress() string {
	if sip := r.sas.Get("sip"); addresses.MatchString(sip) {
		return fmt.Sprintf("the SAS is for the addresses %s only (sip), and this machine comes from another: use it there, or %s", sip, r.makeSAS())
	}
	return "this machine comes from an address that is not allowed: " + r.isKeptOut()
}

func (r refusal) hasOtherProtocol() string {
	return fmt.Sprintf("the SAS is for https only (spr=https), and the endpoint is %s: set an https endpoint", r.url)
}

// The times of a SAS, in each form that the service takes.
var sasTimes = []string{time.RFC3339, "2006-01-02T15:04Z", "2006-01-02"}

func sasTime(text string) (time.Time, bool) {
	for _, layout := range sasTimes {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

const (
	// tolerated is by how much a clock may differ from Azure's: a request that is
	// signed with a key is refused after 15 minutes, tokens after 5.
	tolerated = 5 * time.Minute
)

// sasOutOfTime says that a SAS is not good now, if so; else "".
func (r refusal) sasOutOfTime() string {
	now := time.Now().Add(r.behind) // by Azure's clock
	if ends, ok := sasTime(r.sas.Get("se")); ok && now.After(ends) {
		return fmt.Sprintf("the SAS expired at %s (se), %s ago: %s", day(ends), roughly(now.Sub(ends)), r.makeSAS())
	}
	if begins, ok := sasTime(r.sas.Get("st")); ok && now.Before(begins) {
		return fmt.Sprintf("the SAS is good from %s on (st), in %s: wait, or make one without a start%s", day(begins), roughly(begins.Sub(now)), r.clock())
	}
	return ""
}

// notAuthenticated is about what the request was signed with.
func (r refusal) notAuthenticated() string {
	switch r.by {
	case bySAS:
		if trouble := r.sasOutOfTime(); trouble != "" {
			return trouble
		}
		if r.sas.Get("si") != "" {
			return "the SAS is not good: its stored access policy (si) has ended or is gone, its text was changed, or the key that signed it was replaced: " + r.makeSAS()
		}
		return "the signature of the SAS does not fit: its text was cut or changed (a % that a shell or a pipeline took away?), or the key that signed it was replaced: " + r.makeSAS()
	case byKey:
		if r.isTimed && r.behind.Abs() > tolerated {
			return "the request was signed at a wrong time" + r.clock()
		}
		return fmt.Sprintf("the AccountKey in %s is not one of the account %s (was it replaced?): "+
			"`az storage account show-connection-string --name %s`", r.variable, r.account(), pasted(r.account()))
	case byToken:
		return r.tokenRefused()
	default:
		return fmt.Sprintf("nobody is signed in for it: sign in (az login, or an identity of CI; docs/setup.md)%s", r.clock())
	}
}

// details are the words of Azure in its answer to a token.
var details = regexp.MustCompile(`(?i)<AuthenticationErrorDetail>[^<]*\b(audience|issuer|lifetime|expired)\b`)

// tenants finds the tenant of the account in WWW-Authenticate.
var tenants = regexp.MustCompile(`authorization_uri="?https://[^/"\s]+/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/`)

func (r refusal) tokenRefused() string {
	if r.isTimed && r.behind.Abs() > tolerated {
		return "the token of " + r.who() + " is not good at this time" + r.clock()
	}
	var word, tenant string
	if raw := r.response.RawResponse; raw != nil {
		if body, err := runtime.Payload(raw); err == nil {
			if found := details.FindSubmatch(body); found != nil {
				word = strings.ToLower(string(found[1]))
			}
		}
		if found := tenants.FindStringSubmatch(raw.Header.Get("WWW-Authenticate")); found != nil {
			tenant = found[1]
		}
	}
	switch {
	case word == "audience":
		return fmt.Sprintf("the token of %s is for another service or cloud: set azure.cloud in nx.json to the cloud of the account %s", r.who(), r.account())
	case word == "issuer" && tenant == "":
		return fmt.Sprintf("the token of %s is from another tenant than that of the account %s: set AZURE_TENANT_ID, or `az login --tenant TENANT`", r.who(), r.account())
	case word == "lifetime" || word == "expired":
		return fmt.Sprintf("the token of %s has expired: sign in again (az login)", r.who())
	case tenant != "":
		return fmt.Sprintf("the account %s takes tokens of the tenant %s, and not that of %s: set AZURE_TENANT_ID=%s, or `az login --tenant %s`", r.account(), tenant, r.who(), pasted(tenant), pasted(tenant))
	default:
		return fmt.Sprintf("the account %s does not take the token of %s: is it in the same tenant and cloud (AZURE_TENANT_ID, azure.cloud in nx.json)?", r.account(), r.who())
	}
}

// clock says by how much this machine's clock is wrong, where it is, and what
// mends that.
func (r refusal) clock() string {
	if !r.isTimed || r.behind.Abs() <= tolerated {
		return ""
	}
	return ": " + clockTrouble(r.behind)
}

// clockTrouble names a difference of the clocks.
func clockTrouble(behind time.Duration) string {
	side := "behind"
	if behind < 0 {
		side = "ahead of"
	}
	return fmt.Sprintf("this machine's clock is %s %s Azure's: set it (`timedatectl set-ntp true`, on Windows `w32tm /resync`)", roughly(behind.Abs()), side)
}

// skewOf is by how much now is behind the time of an answer.
func skewOf(header http.Header, now time.Time) (time.Duration, bool) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return date.Sub(now), true
}

// roughly is a time for people: minutes, hours or days.
func roughly(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

// letters are those of a field of a SAS, which somebody may have put a secret
// into.
func letters(field string) string {
	notLetter := func(r rune) bool { return r < 'a' || r > 'z' }
	if len(field) > 20 || strings.ContainsFunc(field, notLetter) {
		return ""
	}
	return field
}
