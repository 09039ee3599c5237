package explain

import (
	"fmt"
	"regexp"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// verbs are what an operation does to blobs, in the words of RBAC roles.
var verbs = map[string]string{"get": "read", "inspect": "read", "list": "list", "put": "create", "replace": "overwrite", "delete": "delete"}

// roleLacksPermission is about the role of an identity, or the permissions of a SAS.
func (r refusal) roleLacksPermission() diagnostic.Message {
	if r.by == bySAS {
		return r.sasLacksPermission()
	}
	role, more := r.Use.Role(), ""
	if reading := permissions.Restore.Role(); role != reading && verbs[r.operation] == "read" {
		more = fmt.Sprintf(" (%s is enough for reading)", reading)
	}
	return diagnostic.Messagef(diagnostic.RoleMissing, "%s lacks a data role that can %s blobs in the container %q (Owner and Contributor do not include one): run `az role assignment create --role %q --assignee %s --scope "+
		"\"$(az storage account show --name %s --query id --output tsv)\"/blobServices/default/containers/%s`%s; it takes effect within ten minutes", r.signedBy(), verbs[r.operation], r.Name, role, shellWord(r.assignee()), shellWord(r.account()), shellWord(r.Name), more)
}

var objectID = regexp.MustCompile(`\bobject ([0-9A-Za-z][0-9A-Za-z-]*)`)

// assignee is the identity in a command that assigns a role.
func (r refusal) assignee() string {
	if found := objectID.FindStringSubmatch(r.Principal()); found != nil {
		return found[1]
	}
	return "OBJECT-ID"
}
