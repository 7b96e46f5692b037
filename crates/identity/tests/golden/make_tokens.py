"""Tokens and keys for tests, made by PyJWT 2.15.1 and cryptography 50.0.2: programs that share nothing with this one.

    python3 -m venv venv && venv/bin/pip install pyjwt==2.15.1 cryptography==50.0.2
    venv/bin/python make_tokens.py > tokens.json

The private keys were drawn for this file, used once and kept nowhere. RSA-PSS and ECDSA draw at random, so a second run
makes other bytes; what the tests ask of them stays the same. Tokens are for the moment `now` in the file.
"""

import base64
import hashlib
import hmac
import json

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NOW = 1_780_308_000
ISSUER = "https://login.example.org/tenant"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
p256 = ec.generate_private_key(ec.SECP256R1())
p384 = ec.generate_private_key(ec.SECP384R1())
ed = ed25519.Ed25519PrivateKey.generate()
stranger = ec.generate_private_key(ec.SECP256R1())

keys = []
for kid, algorithm, key in [
    ("rsa-1", RSAAlgorithm, rsa_key),
    ("p256-1", ECAlgorithm, p256),
    ("p384-1", ECAlgorithm, p384),
    ("ed-1", OKPAlgorithm, ed),
]:
    jwk = json.loads(algorithm.to_jwk(key.public_key()))
    jwk.update({"kid": kid, "use": "sig"})
    jwk.pop("key_ops", None)
    keys.append(jwk)
encryption = json.loads(RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()))
encryption.update({"kid": "enc-1", "use": "enc"})
encryption.pop("key_ops", None)
keys.append(encryption)

CLAIMS = {
    "iss": ISSUER,
    "sub": "7f1c2a90-jansen",
    "aud": "https://proeftuin.example.org",
    "iat": NOW - 60,
    "nbf": NOW - 60,
    "exp": NOW + 3540,
    "groups": ["pilot-letters"],
    "email": "j.jansen@example.org",
    "name": "Jos Jansen",
}
OF = {"RS256": ("rsa-1", rsa_key), "RS384": ("rsa-1", rsa_key), "RS512": ("rsa-1", rsa_key),
      "PS256": ("rsa-1", rsa_key), "PS384": ("rsa-1", rsa_key), "PS512": ("rsa-1", rsa_key),
      "ES256": ("p256-1", p256), "ES384": ("p384-1", p384), "EdDSA": ("ed-1", ed)}

cases = []


def case(name, expect, token):
    cases.append({"name": name, "expect": expect, "token": token})


def signed(algorithm="ES256", header=None, drop=(), key=None, **claims):
    """A token that holds, but for what is changed."""
    kid, own = OF[algorithm]
    head = {"typ": "at+jwt", "kid": kid}
    head.update(header or {})
    head = {name: value for name, value in head.items() if value is not None}
    body = {name: value for name, value in {**CLAIMS, **claims}.items() if name not in drop}
    # PyJWT checks the types of some claims when it encodes, so the payload is handed over as bytes.
    return jwt.api_jws.encode(json.dumps(body).encode(), key or own, algorithm=algorithm, headers=head)


for algorithm in OF:
    case(f"good {algorithm}", "good", signed(algorithm))
case("good audience in a list", "good", signed(aud=["https://other.example.org", "https://proeftuin.example.org"]))
case("good typ with its prefix", "good", signed(header={"typ": "application/AT+JWT"}))
case("good moments with fractions", "good", signed(iat=NOW - 60.5, exp=NOW + 100.25))
case("good iat within the skew", "good", signed(iat=NOW + 59, nbf=NOW + 59))
case("good hints of certificates", "good", signed(header={"x5t": "AAAA", "x5t#S256": "AAAA"}))

case("expired", "token-expired", signed(exp=NOW))
case("expired, and the signature wrong", "token-signature-wrong", signed(exp=NOW - 5, key=stranger))
case("not yet by nbf", "token-not-yet-valid", signed(nbf=NOW + 61))
case("not yet by iat", "token-not-yet-valid", signed(iat=NOW + 61))
case("too long a life", "token-lifetime-too-long", signed(exp=NOW - 60 + 3601))
case("ends before it begins", "token-expired", signed(exp=NOW - 120))
case("another audience", "token-audience-wrong", signed(aud="https://other.example.org"))
case("audience that only begins so", "token-audience-wrong", signed(aud="https://proeftuin.example.org/"))
case("another issuer", "token-issuer-unknown", signed(iss="https://login.example.org/tenant/"))
for claim in ["iss", "sub", "aud", "iat", "exp"]:
    case(f"without {claim}", "token-claims-incomplete", signed(drop=[claim]))
case("empty sub", "token-claims-incomplete", signed(sub=""))
case("sub that is a number", "token-claims-incomplete", signed(sub=12))
case("aud that is a number", "token-claims-incomplete", signed(aud=12))
case("aud with a number in it", "token-claims-incomplete", signed(aud=["https://proeftuin.example.org", 12]))
case("aud of nobody", "token-claims-incomplete", signed(aud=[]))
case("exp that is a text", "token-claims-incomplete", signed(exp=str(NOW + 60)))
case("exp in milliseconds", "token-claims-incomplete", signed(exp=(NOW + 60) * 1000))
case("exp below zero", "token-claims-incomplete", signed(exp=-1))
case("nbf that is a text", "token-claims-incomplete", signed(nbf="now"))
case("iss that is a list", "token-claims-incomplete", signed(iss=[ISSUER]))
case("a subject too long", "token-claims-incomplete", signed(sub="s" * 256))

case("an ID token", "token-wrong-type", signed(header={"typ": "JWT"}))
case("without typ", "token-wrong-type",
     ".".join([b64(b'{"alg":"ES256","kid":"p256-1"}'), signed().split(".")[1], signed().split(".")[2]]))
case("unknown kid", "token-key-unknown", signed(header={"kid": "p256-2"}))
case("no kid and several keys", "token-key-unknown", signed(header={"kid": None}))
case("kid of another kind of key", "token-key-mismatch", signed(header={"kid": "rsa-1"}))
case("kid of a key for encryption", "token-key-mismatch", signed("RS256", header={"kid": "enc-1"}))
case("another key under the same kid", "token-signature-wrong", signed(key=stranger))
for name, value in [("crit", ["exp"]), ("jku", "https://evil.example.org/keys"), ("x5u", "https://evil.example.org/x"),
                    ("x5c", ["MIIB"]), ("jwk", keys[1]), ("zip", "DEF"), ("enc", "A128GCM"), ("cty", "JWT")]:
    case(f"header {name}", "token-header-refused", signed(header={name: value}))
case("header b64", "token-header-refused",
     ".".join([b64(b'{"alg":"ES256","typ":"at+jwt","kid":"p256-1","b64":false}'), *signed().split(".")[1:]]))

payload = b64(json.dumps(CLAIMS).encode())
for algorithm in ["none", "None", "NONE", "es256", "RSA1_5", "ES256K", ""]:
    head = b64(json.dumps({"alg": algorithm, "typ": "at+jwt", "kid": "p256-1"}).encode())
    case(f"alg {algorithm!r}, unsigned", "token-algorithm-refused", f"{head}.{payload}.")
    case(f"alg {algorithm!r}, with a signature", "token-algorithm-refused", f"{head}.{payload}.{signed().split('.')[2]}")
# The public key as an HMAC secret, in each form that a careless library takes for the key's bytes.
public = p256.public_key()
for form, secret in [("PEM", public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
                     ("DER", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
                     ("point", public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))]:
    head = b64(json.dumps({"alg": "HS256", "typ": "at+jwt", "kid": "p256-1"}).encode())
    mac = hmac.new(secret, f"{head}.{payload}".encode(), hashlib.sha256).digest()
    case(f"HS256 with the public key as {form}", "token-algorithm-refused", f"{head}.{payload}.{b64(mac)}")

good = signed()
head, body, mark = good.split(".")
case("no signature under ES256", "token-signature-wrong", f"{head}.{body}.")
case("signature of zeros", "token-signature-wrong", f"{head}.{body}.{b64(bytes(64))}")
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: E402
raw = base64.urlsafe_b64decode(mark + "==")
der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
case("signature in DER", "token-signature-wrong", f"{head}.{body}.{b64(der)}")
case("signature cut short", "token-signature-wrong", f"{head}.{body}.{b64(raw[:63])}")
case("header of another token", "token-signature-wrong", ".".join([signed(header={"x": 1}).split(".")[0], body, mark]))
case("payload of another token", "token-signature-wrong", ".".join([head, signed(sub="other").split(".")[1], mark]))
case("padding", "token-malformed", f"{head}=.{body}.{mark}")
case("two parts", "token-malformed", f"{head}.{body}")
case("four parts", "token-malformed", f"{good}.{mark}")
case("five parts", "token-malformed", f"{good}.{mark}.{mark}")
case("nothing but dots", "token-malformed", "..")
for name, text in [("a header that is a list", b"[]"), ("a header with alg twice", b'{"alg":"none","alg":"ES256"}'),
                   ("a header with alg twice, escaped", b'{"alg":"none","\\u0061lg":"ES256"}'),
                   ("a header without alg", b'{"typ":"at+jwt"}'), ("a header with a kid that is a number",
                   b'{"alg":"ES256","typ":"at+jwt","kid":1}'), ("a header with more behind it", b'{"alg":"ES256"} x')]:
    case(name, "token-malformed", f"{b64(text)}.{body}.{mark}")


def over(text):
    """A signature that holds, over a payload that is no JSON for anybody strict."""
    return jwt.api_jws.encode(text, p256, algorithm="ES256", headers={"typ": "at+jwt", "kid": "p256-1"})


twice = json.dumps(CLAIMS)[:-1].encode()
case("a payload with sub twice", "token-malformed", over(twice + b',"sub":"other"}'))
case("a payload with a group twice as a key", "token-malformed", over(twice + b',"x":{"a":1,"a":1}}'))
case("a payload that is a text", "token-malformed", over(b'"x"'))
case("a payload that is no UTF-8", "token-malformed", over(b'{"iss":"\xff"}'))
case("too long", "token-too-long", signed(padding="p" * 8192))

print(json.dumps({"now_ms": NOW * 1000, "jwks": {"keys": keys}, "cases": cases}, indent=1))
