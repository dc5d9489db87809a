"""The wishes that few people have: ranges, several accelerators, sites, sellers, and fields of the service spec."""

from collections.abc import Iterable
from typing import Any

from django import forms

from marketplace.catalogue.models import Pool
from marketplace.catalogue.queries import service_documents
from marketplace.catalogue.service import BOUNDS, DIRECTIONS, SAME
from marketplace.web import formats
from pricing.quotes.need import LONGEST_BLOCK_DAYS, MOST_GPUS, Need
from pricing.quotes.ranking import CHEAPEST, LEAST_CO2, MOST_COMPUTE, SOONEST

SORT_NAMES = {
    CHEAPEST: "Cheapest",
    SOONEST: "Soonest",
    MOST_COMPUTE: "Most compute per $",
    LEAST_CO2: "Least CO₂",
}
CHOSEN = ("accelerators", "jurisdictions", "sites", "sellers")
TEXTS = [name for name, way in DIRECTIONS.items() if way == SAME]
NUMBERS = {name: f"{BOUNDS[way]}_{name}" for name, way in DIRECTIONS.items() if way in BOUNDS}
MOST_A_NUMBER = 1_000_000_000


def _boxes(label: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(required=False, label=label, widget=forms.CheckboxSelectMultiple)


def _number(**options: Any) -> dict[str, Any]:
    return {"required": False, "widget": forms.NumberInput({"class": "input", "step": "any"}), **options}


class MoreWishes(forms.Form):
    """Folded away under the five questions. `base_fields` gets one number field per field of `NUMBERS`, see below."""

    quantity_to = forms.IntegerField(label="GPUs, at most", min_value=1, max_value=MOST_GPUS, **_number())
    days_to = forms.IntegerField(label="Days, at most", min_value=1, max_value=LONGEST_BLOCK_DAYS, **_number())
    start_to = forms.DateField(
        label="Last start",
        required=False,
        widget=forms.DateInput({"class": "input", "type": "date"}, format="%Y-%m-%d"),
    )
    accelerators = _boxes("Accelerators accepted, beside the one above")
    jurisdictions = _boxes("Countries accepted, beside the one above")
    sites = _boxes("Only these sites")
    sellers = _boxes("Only these sellers")
    delivery = forms.ChoiceField(required=False, label="Delivery", widget=forms.Select({"class": "input"}))
    fabric = forms.ChoiceField(required=False, label="Fabric", widget=forms.Select({"class": "input"}))
    certifications = _boxes("Certifications, all of them")
    divisible = forms.BooleanField(required=False, label="May be split over sites (inference)")
    sort = forms.ChoiceField(required=False, choices=list(SORT_NAMES.items()), widget=forms.HiddenInput)

    def offer_choices(self) -> list[Pool]:
        """Fills the lists with what is on sale, and returns the pools they are made of."""
        pools = list(Pool.objects.select_related("seller"))
        documents = service_documents().values()
        self._choose(
            "accelerators", {pool.accelerator.key: formats.accelerator(pool.accelerator.key) for pool in pools}
        )
        self._choose("jurisdictions", {pool.site.jurisdiction: pool.site.jurisdiction for pool in pools})
        self._choose("sites", {pool.site.public_id: pool.site.name for pool in pools})
        self._choose("sellers", {pool.seller.public_id: pool.seller.name for pool in pools})
        for name in TEXTS:
            found = {str(each[name]) for each in documents if isinstance(each.get(name), str)}
            self._choose(name, {"": "any", **{text: text for text in sorted(found)}})
        self._choose("certifications", {text: text for each in documents for text in _texts(each)})
        return pools

    def _choose(self, name: str, names: dict[str, str]) -> None:
        ordered = sorted(names.items(), key=lambda pair: (pair[0] != "", pair[1]))
        self.fields[name].choices = ordered  # type: ignore[attr-defined]

    def add_wishes(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with these wishes in it, as REST would be sent them."""
        asked = self.cleaned_data
        for name, most in (("quantity", "quantity_to"), ("duration_days", "days_to")):
            if asked[most]:
                body[name] = {"min": body[name], "max": asked[most]}
        for name in CHOSEN:
            accepted = list(dict.fromkeys([*body.get(name, []), *asked[name]]))
            body |= {name: accepted} if accepted else {}
        service = {name: asked[name] for name in (*TEXTS, "certifications") if asked[name]}
        for name, field in NUMBERS.items():
            if asked[field] is not None:
                service[name] = {BOUNDS[DIRECTIONS[name]]: _plain(asked[field])}
        body |= {"service": service} if service else {}
        return body | {name: asked[name] for name in ("divisible", "sort") if asked[name]}

    @property
    def has_wishes(self) -> bool:
        """Whether any of the folded answers is given, or wrong."""
        return any(self[name].value() or self[name].errors for name in MoreWishes.base_fields if name != "sort")

    @property
    def number_fields(self) -> list[Any]:
        return [self[field] for field in NUMBERS.values()]


def _number_field(name: str, way: str) -> forms.FloatField:
    label = f"{formats.spec_name(name)}, at {'least' if BOUNDS[way] == 'min' else 'most'}"
    return forms.FloatField(min_value=0, max_value=MOST_A_NUMBER, label=label, **_number())


MoreWishes.base_fields |= {
    NUMBERS[name]: _number_field(name, way) for name, way in DIRECTIONS.items() if name in NUMBERS
}


def query_of(need: Need) -> dict[str, Any]:
    """The answers that would ask for a need again, every one of them: what is not wished for is emptied."""
    wishes = {wish.field: wish.value for wish in need.service}
    return {
        "quantity": need.quantity.least,
        "quantity_to": _upper(need.quantity.least, need.quantity.most),
        "days": need.duration.least,
        "days_to": _upper(need.duration.least, need.duration.most),
        "start": need.start_from.isoformat(),
        "flexibility": 0,
        "start_to": need.start_to.isoformat() if need.start_to != need.start_from else "",
        "firmness": need.firmness,
        **_named(need.accelerators, "accelerator", "accelerators"),
        **_named(need.jurisdictions, "where", "jurisdictions"),
        "sites": list(need.sites),
        "sellers": list(need.sellers),
        **{name: wishes.get(name, "") for name in TEXTS},
        **{field: wishes.get(name, "") for name, field in NUMBERS.items()},
        "certifications": list(wishes.get("certifications", ())),
        "divisible": "on" if need.divisible else "",
        "sort": need.sort,
        "prepay": need.prepayment,
    }


def _named(names: tuple[str, ...], one: str, several: str) -> dict[str, Any]:
    """One name is a question of its own, several are boxes."""
    return {one: names[0] if len(names) == 1 else "", several: list(names) if len(names) > 1 else []}


def _upper(least: int, most: int) -> int | str:
    return most if most != least else ""


def _plain(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _texts(document: dict[str, Any]) -> Iterable[str]:
    found = document.get("certifications")
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
