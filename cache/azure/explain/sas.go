package explain

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// sasPermissions lists the SAS permissions of each operation. It needs one of them. What a
// command needs as a whole is in package permissions.
var sasPermissions = map[string]string{"get": "r", "inspect": "r", "put": "cw", "replace": "w", "list": "l", "delete": "d"}

// sasLacksPermission is about the field sp of a SAS.
func (r refusal) sasLacksPermission() diagnostic.Message {
	allowed, needed := sasField(r.sas.Get("sp")), sasPermissions[r.operation]
	missing := r.Use.Missing(allowed, needed)
	switch {
	case allowed == "" && r.sas.Get("si") != "":
		return diagnostic.Messagef(diagnostic.SASInsufficient, "the SAS takes its permissions from a stored access policy that lacks %q: give the policy the permissions %s, needed %s, or %s",
			needed[:1], missing, r.Use.Purpose(), r.sasCommand())
	case !strings.ContainsAny(allowed, needed):
		return diagnostic.Messagef(diagnostic.SASInsufficient, "the SAS has the permissions sp=%s but lacks %q, needed %s: %s", allowed, missing, r.Use.Purpose(), r.sasCommand())
	case r.sas.Get("sr") == "b" || r.sas.Get("sr") == "d":
		return diagnostic.Messagef(diagnostic.SASInsufficient, "the SAS is for a single blob or directory (sr), but a cache needs one for a container: %s", r.sasCommand())
	case r.sas.Get("skoid") != "":
		return diagnostic.Messagef(diagnostic.SASInsufficient, "the SAS has the permission, but its signer (skoid) lacks the data role: assign %s on the container to the signer, or %s", r.Use.Role(), r.sasCommand())
	default:
		return diagnostic.Messagef(diagnostic.SASInsufficient, "the SAS has the permission, but the account still denies this: %s", r.sasCommand())
	}
}

// sasCommand creates a SAS that keeps the permissions of this one and allows the whole use.
func (r refusal) sasCommand() string {
	return r.SASCommand(r.Use.SASWith(sasField(r.sas.Get("sp")), sasPermissions[r.operation]))
}

// SASCommand is the command that creates a SAS with these permissions.
func (c *Container) SASCommand(permissions string) string {
	return fmt.Sprintf("create another with `az storage container generate-sas --account-name %s --name %s --permissions %s --https-only --expiry DATE --as-user --auth-mode login`, which prints the part after the ? of its URL",
		shellWord(c.account()), shellWord(c.Name), permissions)
}

func (r refusal) sasLacksService() diagnostic.Message {
	return diagnostic.Messagef(diagnostic.SASInsufficient, "the account SAS is for other services (ss=%s) and lacks b, for blobs: %s", sasField(r.sas.Get("ss")), r.sasCommand())
}

func (r refusal) sasLacksResourceType() diagnostic.Message {
	needed := "o, for objects"
	if r.operation == "list" {
		needed = "c, for containers"
	}
	return diagnostic.Messagef(diagnostic.SASInsufficient, "the account SAS is for other resource types (srt=%s) and lacks %s: %s", sasField(r.sas.Get("srt")), needed, r.sasCommand())
}

var addresses = regexp.MustCompile(`^[0-9A-Fa-f:.]+(-[0-9A-Fa-f:.]+)?$`)

func (r refusal) addressNotAllowed() diagnostic.Message {
	if sip := r.sas.Get("sip"); addresses.MatchString(sip) {
		return diagnostic.Messagef(diagnostic.SASInsufficient, "the SAS allows only the addresses %s (sip), and this machine has another: use it from one of them, or %s", sip, r.sasCommand())
	}
	blocked := r.blockedByNetwork()
	return diagnostic.Messagef(blocked.Code, "this machine's address is not allowed: %s", blocked.Text)
}

func (r refusal) sasNeedsHTTPS() diagnostic.Message {
	return diagnostic.Messagef(diagnostic.SASInsufficient, "the SAS allows only https (spr=https), but the endpoint is %s: set an https endpoint", r.URL)
}

// The times of a SAS, in each form that the service accepts.
var sasTimes = []string{time.RFC3339, "2006-01-02T15:04Z", "2006-01-02"}

func sasTime(text string) (time.Time, bool) {
	for _, layout := range sasTimes {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// sasOutsideValidity says that a SAS has expired or is not valid yet; "" if it is valid.
func (r refusal) sasOutsideValidity() string {
	now := time.Now().Add(r.skew) // by Azure's clock
	if ends, ok := sasTime(r.sas.Get("se")); ok && now.After(ends) {
		return fmt.Sprintf("the SAS expired at %s (se), %s ago: %s", transport.FormatTime(ends), roughDuration(now.Sub(ends)), r.sasCommand())
	}
	if begins, ok := sasTime(r.sas.Get("st")); ok && now.Before(begins) {
		return fmt.Sprintf("the SAS is not valid before %s (st), in %s: wait, or create one without a start time%s", transport.FormatTime(begins), roughDuration(begins.Sub(now)), r.clock())
	}
	return ""
}

// sasField returns a field of a SAS that has letters only; someone may have put a secret
// there.
func sasField(field string) string {
	notLetter := func(r rune) bool { return r < 'a' || r > 'z' }
	if len(field) > 20 || strings.ContainsFunc(field, notLetter) {
		return ""
	}
	return field
}
