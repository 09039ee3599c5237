package signin

import (
	"cmp"
	"fmt"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// claims are what a token says about its owner
// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
type claims struct {
	jwt.RegisteredClaims
	UPN       string `json:"upn"`
	Unique    string `json:"unique_name"`
	Preferred string `json:"preferred_username"`
	AppID     string `json:"appid"`
	AZP       string `json:"azp"`
	ObjectID  string `json:"oid"`
}

// principal is the owner of a token as a string for a line; "" if unknown. It does not
// verify the token: rejecting it is the storage's task.
func principal(token string) string {
	var c claims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &c); err != nil {
		return ""
	}
	shown := func(claims ...string) string { return printable.Short(cmp.Or(claims...), maxClaim) }
	app, object := shown(c.AppID, c.AZP), shown(c.ObjectID)
	switch user := shown(c.UPN, c.Preferred, c.Unique); {
	case user != "" && object != "":
		return fmt.Sprintf("%s (object %s)", user, object)
	case user != "":
		return user
	case app != "" && object != "":
		return fmt.Sprintf("app %s (object %s)", app, object)
	case app != "":
		return "app " + app
	case object != "":
		return "object " + object
	default:
		return ""
	}
}

// maxClaim is how much of a claim is shown, in bytes.
const maxClaim = 120
