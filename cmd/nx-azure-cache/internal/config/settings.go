package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// The variables that stand beside the block "azure" of nx.json and beat it.
const (
	// OwnConnectionVariable is for workspaces whose application has a connection string
	// of its own in the other one, and is read first.
	OwnConnectionVariable = "NX_AZURE_CACHE_CONNECTION_STRING"
	ConnectionVariable    = "AZURE_STORAGE_CONNECTION_STRING"
	SASVariable           = "NX_AZURE_CACHE_SAS_URL"
	CredentialVariable    = "NX_AZURE_CACHE_CREDENTIAL"
	ModeVariable          = "NX_POWERPACK_CACHE_MODE"
)

// Settings are the block "azure" of nx.json and the environment, put together.
type Settings struct {
	Mode        cache.Mode
	Container   string
	AccountName string
	Endpoint    string
	Prefix      string
	// credential names the only sign-in that is tried; "" is ours, in our order.
	credential string
	cloud      string // "" is what the endpoint implies, else public
	// At most one of them is set: the one that is used.
	ConnectionString endpoint.Secret
	SASURL           endpoint.Secret
	// connectionFrom is the variable that holds the connection string, and fromFile the
	// claim of a .env file that it is.
	connectionFrom  string
	fromFile        *Claim
	Limits          transport.Limits
	environment     transport.Environment // proxies, and whom this machine trusts
	trustedHosts    endpoint.TrustedHosts
	MaxArtifactSize cache.Size // never more than Azure takes
	CacheFailures   bool
	Tasks           TaskFilter
	Trust           TrustSettings
	Drain           time.Duration // for which entries are stored after the end of a run
	Claims          Claims        // variables of .env files, which the settings do without
}

// Format keeps the secrets out of every verb: of a field that is not exported package
// fmt shows a Secret, too.
func (s Settings) Format(f fmt.State, verb rune) {
	type shown Settings // without this method
	redacted := func(secret *endpoint.Secret) {
		if *secret != "" {
			*secret = endpoint.Secret(secret.String())
		}
	}
	redacted(&s.ConnectionString)
	redacted(&s.SASURL)
	s.Claims, s.fromFile = nil, nil // of these package fmt calls no methods here
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), shown(s))
}

// DefaultDrain is longer than what a run has left to store usually takes, and
// short enough for somebody who looks at it.
const DefaultDrain = time.Minute

// ReadSettings is the one place where the environment meets nx.json. The error
// joins all mistakes; warnings are about what is ignored. Mistakes that only
// matter to a cache in use are none when the mode is no-cache. A variable that is
// blank is not set: that is how CI hands on a secret that a pull request may not
// have.
func ReadSettings(block json.RawMessage, ci bool, getenv func(string) string) (Settings, []string, error) {
	s, wrong := readSettings(block, ci, getenv)
	if s.Mode == cache.NoCache {
		return Settings{Mode: cache.NoCache}, nil, nil
	}
	return s, wrong.messages(), wrong.join()
}

// readSettings does that, whatever the mode is, and tells the problems apart.
func readSettings(block json.RawMessage, ci bool, getenv func(string) string) (Settings, *problems) {
	variable := func(name string) string { return strings.TrimSpace(getenv(name)) }
	wrong := newProblems()
	b := readBlock(block, wrong)
	s := Settings{
		Mode:        chooseMode(b, ci, variable(ModeVariable), wrong),
		Container:   b.container,
		AccountName: b.accountName,
		Endpoint:    b.endpoint,
		Prefix:      b.prefix,
		cloud:       chooseCloud(b.cloud, b.endpoint, wrong),
		Limits: transport.Limits{
			Connect:   timeLimit("connect", b.connect, transport.DefaultLimits.Connect, wrong),
			FirstByte: timeLimit("firstByte", b.firstByte, transport.DefaultLimits.FirstByte, wrong),
			Stall:     timeLimit("stall", b.stall, transport.DefaultLimits.Stall, wrong),
		},
		MaxArtifactSize: azure.MaxBlob,
		CacheFailures:   b.cacheFailures,
		Tasks:           TaskFilter{b.include, b.exclude},

		Trust: b.trust,
		Drain: timeLimit("drain", b.drain, DefaultDrain, wrong),
	}
	if b.maxArtifactSize > 0 {
		s.MaxArtifactSize = min(s.MaxArtifactSize, b.maxArtifactSize)
	}
	environment, ignored := transport.ReadEnvironment(getenv)
	s.environment = environment
	for _, message := range ignored {
		name, _, _ := strings.Cut(message, " ")
		wrong.warn(Problem{Key: name, Kind: KindIgnored, Message: message})
	}
	s.chooseCredential(b.credential, variable, wrong)
	s.readTrustedHosts(variable(endpoint.TrustedHostsVariable), wrong)
	if !wrong.has(inBlock) {
		s.check(wrong)
	}
	return s, wrong
}

// readTrustedHosts reads which hosts outside Azure may get tokens. There is no such key
// in nx.json, which is the word of a pull request. Without a sign-in there is no token.
func (s *Settings) readTrustedHosts(text string, wrong *problems) {
	if s.ConnectionString != "" || s.SASURL != "" {
		return
	}
	hosts, err := endpoint.ParseTrustedHosts(text)
	if err != nil {
		wrong.add(endpoint.TrustedHostsVariable, checkValue(text, func(string) error { return err }))
	}
	s.trustedHosts = hosts
}

// The shortest and the longest time limit. One of a few milliseconds is a unit
// forgotten, one of hours a run that hangs.
const (
	minTimeout = 100 * time.Millisecond
	maxTimeout = 10 * time.Minute
)

// timeLimit reads a time limit. Only the one for storing after the end may be 0:
// do not wait.
func timeLimit(key, text string, otherwise time.Duration, wrong *problems) time.Duration {
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	isZero := key == "drain" && err == nil && d == 0
	if err != nil || (d < minTimeout || d > maxTimeout) && !isZero {
		wrong.add(InKey(timeoutsKey+"."+key), notAllowed(Shown(text), `is %s; allowed are times from "100ms" to "10m", such as "%s"`, otherwise))
		return otherwise
	}
	return d
}

// chooseMode names the key or variable that holds an unknown mode: an unknown
// value once disabled a cache silently (nx#31144).
func chooseMode(b rawConfig, ci bool, override string, wrong *problems) cache.Mode {
	place, text := InKey("localMode"), b.localMode
	if ci {
		place, text = InKey("ciMode"), b.ciMode
	}
	if override != "" {
		place, text = ModeVariable, override
	}
	if text == "" {
		return cache.ReadWrite
	}
	mode, ok := cache.ParseMode(text)
	if !ok {
		wrong.add(place, notOneOf(text, modes))
	}
	return mode
}

// modes are all spellings of the modes.
var modes = []cache.Mode{cache.ReadWrite, cache.ReadOnly, "read", cache.NoCache}

// chooseCloud decides in which of Azure's clouds the account is. Their names are
// those of Terraform. An endpoint tells it, too.
func chooseCloud(text, endpoint string, wrong *problems) string {
	switch named := signin.CloudOf(endpoint).String(); {
	case text == "":
	case !slices.Contains(signin.CloudNames(), text):
		wrong.add(InKey("cloud"), notOneOf(text, signin.CloudNames()))
	case endpoint != "" && named != signin.CloudNames()[0] && named != text:
		wrong.add(InKey("cloud"), fmt.Errorf("is %s, but the endpoint is in %s", text, named))
	}
	return text
}

// check adds every mistake at once. What is not used is not looked at: any one
// of connection string, SAS URL, endpoint and account name is enough (nx#30018),
// and the first of them decides.
func (s Settings) check(wrong *problems) {
	switch {
	case s.Container != "":
		wrong.add(InKey("container"), checkValue(s.Container, endpoint.CheckContainer))
	case !wrong.has(SASVariable): // which may name it
		wrong.add(InKey("container"), missing("is missing: name a container that exists"))
	}
	switch {
	case s.ConnectionString != "" || s.SASURL != "":
	case s.Endpoint != "":
		wrong.add(InKey("endpoint"), checkValue(s.Endpoint, endpoint.Check))
	case s.AccountName != "":
		wrong.add(InKey("accountName"), checkValue(s.AccountName, endpoint.CheckAccountName))
	case wrong.has(InKey("endpoint")): // it is meant to be used
	case isStorageSecret(s.credential): // whose variable is missing, and says so
	case s.credential != "":
		wrong.add(InKey("accountName"), missing(fmt.Sprintf("is missing: name the storage account, or its endpoint; the sign-in %s needs it", s.credential)))
	default:
		wrong.add(InKey("accountName"), missing(fmt.Sprintf("is missing: name the storage account, or set %s or %s", ConnectionVariable, SASVariable)))
	}
	s.Tasks.check(wrong)
	if tokens.MatchString(s.Prefix) { // whose characters are those of a prefix
		wrong.add(InKey("prefix"), fmt.Errorf("is %s, which looks like a license; a license belongs in %s", Shown(s.Prefix), license.Variable))
	}
	if !cache.ValidPrefix(s.Prefix) {
		wrong.add(InKey("prefix"), wrongPrefix(s.Prefix))
	}
}

func wrongPrefix(prefix string) error {
	return notAllowed(Shown(prefix), `is %s; allowed are segments of letters, digits, ".", "_" and "-" with "/" between them`)
}

// tokens are JWTs, such as a license: a JSON object in base64, and more.
var tokens = regexp.MustCompile(`(^|/)eyJ[0-9A-Za-z_-]+\.`)
