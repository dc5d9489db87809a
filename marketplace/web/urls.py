from django.contrib.auth.views import LogoutView
from django.urls import path

from marketplace.web import calibration, errors, organisation, pages, providing, signing, spending, webhooks

urlpatterns = [
    path("health/", pages.health, name="health"),
    path("sign-in/", pages.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("calibration/", calibration.show, name="calibration"),
    path("organisation/", organisation.show, name="organisation"),
    path("organisation/choose/", organisation.choose, name="choose-organisation"),
    path("organisation/spending/", spending.show, name="spending"),
    path("organisation/spending/cost-centres/", spending.open_centre, name="open-cost-centre"),
    path("organisation/spending/cost-centres/<slug:public_id>/close/", spending.close_centre, name="close-cost-centre"),
    path("organisation/spending/cost-centres/<slug:public_id>/budgets/", spending.budget, name="set-budget"),
    path("organisation/spending/chains/", spending.chain, name="set-chain"),
    path("organisation/spending/chains/<slug:public_id>/withdraw/", spending.withdraw, name="withdraw-chain"),
    path("organisation/signing/", signing.show, name="signing"),
    path("organisation/signing/authorities/", signing.grant, name="grant-authority"),
    path("organisation/signing/authorities/<slug:public_id>/revoke/", signing.revoke, name="revoke-authority"),
    path("organisation/signing/end-customers/", signing.register, name="register-end-customer"),
    path("organisation/signing/end-customers/<slug:public_id>/archive/", signing.archive, name="archive-end-customer"),
    path("organisation/webhooks/", webhooks.show, name="webhooks"),
    path("organisation/webhooks/deliveries/<slug:public_id>/again/", webhooks.again, name="redeliver"),
    path("organisation/webhooks/<slug:public_id>/", webhooks.one, name="webhook"),
    path("organisation/webhooks/<slug:public_id>/<slug:verb>/", webhooks.act, name="act-on-webhook"),
    path("selling/build-out/", providing.show, name="providing"),
    path("selling/build-out/report/", providing.report, name="report-milestone"),
    path("selling/build-out/file/", providing.send_file, name="send-supply-file"),
    path("selling/build-out/disclosure/", providing.publish_disclosure, name="publish-disclosure"),
    path("errors/<slug:code>/", errors.problem, name="problem"),
]
