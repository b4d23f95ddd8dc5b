package sim

import "github.com/qlikgateway/gateway/qlik"

// A Sample is an app or a space that a new tenant has.
type Sample struct {
	Kind string // app, or the type of a space
	ID   string
	Name string
}

// addSamples fills a new tenant.
func (t *Tenant) addSamples(owner *user) {
	workshop := t.addSpace(owner, "Workshop", qlik.SpaceShared, "Where apps are built")
	t.addSpace(owner, "Company", qlik.SpaceManaged, "Where apps are read")
	t.addSpace(owner, "Warehouse", qlik.SpaceData, "Where data lies")
	for _, sample := range []struct{ name, description, script string }{
		{"Sales", "Orders and revenue", salesScript},
		{"Finance", "Ledger and budget", financeScript},
		{"Inventory", "Stock by warehouse", inventoryScript},
		{"Broken", "Its reloads fail: the connection is gone", brokenScript},
	} {
		a := t.addApp(owner, sample.name, sample.description, workshop.id)
		a.addScript(t, owner, sample.script)
	}
}

// Scripts of the sample apps.
const (
	salesScript = `///$tab Main
Sales:
LOAD OrderID, CustomerID, ProductID, Amount, Date(OrderDate) AS OrderDate
FROM [lib://DataFiles/orders.qvd] (qvd);

Customers:
LOAD CustomerID, Name AS Customer, Country
FROM [lib://DataFiles/customers.qvd] (qvd);
`
	financeScript = `Ledger:
SQL SELECT EntryID, AccountID, Amount FROM finance.ledger;

Accounts:
LOAD * INLINE [
AccountID, Account
1, Revenue
2, Cost
];
`
	inventoryScript = `Stock:
LOAD ProductID, Warehouse, Quantity
FROM [lib://DataFiles/stock.csv] (txt, utf8, embedded labels);
`
	brokenScript = `Gone:
LOAD * FROM [lib://missing/gone.qvd] (qvd);
`
)

// Samples lists the apps and spaces that the tenant has, for whoever wants to
// try something on it.
func (t *Tenant) Samples() []Sample {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []Sample
	for _, s := range t.spaces.all() {
		list = append(list, Sample{s.kind, s.id, s.name})
	}
	for _, a := range t.apps.all() {
		list = append(list, Sample{"app", a.id, a.name})
	}
	return list
}

// App gives the identifier of the first app with a name, or "".
func (t *Tenant) App(name string) string { return t.sample("app", name) }

// Space gives the identifier of the space with a name, or "".
func (t *Tenant) Space(name string) string {
	for _, kind := range spaceTypes() {
		if id := t.sample(kind, name); id != "" {
			return id
		}
	}
	return ""
}

func (t *Tenant) sample(kind, name string) string {
	for _, s := range t.Samples() {
		if s.Kind == kind && s.Name == name {
			return s.ID
		}
	}
	return ""
}

// AddApp makes an app in a space ("" = the first user's personal one) and gives
// its identifier.
func (t *Tenant) AddApp(name, spaceID string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.addApp(t.first, name, "", spaceID)
	a.addScript(t, t.first, emptyScript)
	return a.id
}

// AddSpace makes a space of a type and gives its identifier.
func (t *Tenant) AddSpace(name, kind string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.addSpace(t.first, name, kind, "").id
}
