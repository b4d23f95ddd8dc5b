package sim

import (
	"net/http"
	"slices"
	"strings"
)

// itemBody is an entry of the catalogue on the wire.
type itemBody struct {
	ID                 string         `json:"id"`
	Name               string         `json:"name"`
	Description        string         `json:"description"`
	ResourceType       string         `json:"resourceType"`
	ResourceID         string         `json:"resourceId"`
	ResourceAttributes appAttributes  `json:"resourceAttributes"`
	SpaceID            string         `json:"spaceId,omitempty"`
	OwnerID            string         `json:"ownerId"`
	TenantID           string         `json:"tenantId"`
	CreatedAt          moment         `json:"createdAt"`
	UpdatedAt          moment         `json:"updatedAt"`
	Meta               map[string]any `json:"meta"`
}

// listItems searches the catalogue, which holds the tenant's apps.
func (t *Tenant) listItems(r *request) answer {
	q := r.URL.Query()
	var list []*app
	for _, a := range t.apps.all() {
		space := q.Get("spaceId")
		inSpace := space == "" || space == a.spaceID || (space == "personal" && a.spaceID == "")
		if inSpace && t.may(r.user, mayRead, a) && matches(q.Get("resourceType"), "app") && matches(q.Get("resourceId"), a.id) &&
			matches(q.Get("ownerId"), a.ownerID) && contains(a.name, q.Get("name")) {
			list = append(list, a)
		}
	}
	sortApps(list, q.Get("sort"))
	list, links, refused := page(t, r, list, func(a *app) string { return a.id })
	if refused != nil {
		return *refused
	}
	data := []itemBody{}
	for _, a := range list {
		data = append(data, itemBody{
			ID: a.itemID, Name: a.name, Description: a.description, ResourceType: "app", ResourceID: a.id,
			ResourceAttributes: t.attributesOf(a), SpaceID: a.spaceID, OwnerID: a.ownerID, TenantID: t.id,
			CreatedAt: moment(a.created), UpdatedAt: moment(a.modified), Meta: map[string]any{},
		})
	}
	return ok(http.StatusOK, listing{data, links})
}

// sortApps orders apps as a query asks for: by name, or by when they were made
// or changed; by default the newest first.
func sortApps(list []*app, by string) {
	field := strings.TrimLeft(by, "+-")
	slices.SortStableFunc(list, func(a, b *app) int {
		switch field {
		case "name":
			return strings.Compare(a.name, b.name)
		case "updatedAt":
			return a.modified.Compare(b.modified)
		}
		return a.created.Compare(b.created)
	})
	if by == "" || by[0] == '-' {
		slices.Reverse(list)
	}
}

// contains says that a text is found in another, whatever the case.
func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
