"""score.py DATA SPANS: masked recall by type and split, as in the note: every alphanumeric character of the gold span covered."""
import json,sys,collections
data=[json.loads(l) for l in open(sys.argv[1])]
spans=[json.loads(l) for l in open(sys.argv[2])]
assert len(data)==len(spans)
hit=collections.defaultdict(lambda:[0,0]); allh=collections.defaultdict(lambda:[0,0])
fp=n=0; found=ok=0; chars=[0,0]
for e,s in zip(data,spans):
    cover=set()
    for a,b,*_ in s: cover.update(range(a,b))
    gold=set()
    for a,b,t in e['spans']:
        gold.update(range(a,b))
        m=all(i in cover for i in range(a,b) if e['text'][i].isalnum())
        for k in [(e['split'],t),('all',t)]: hit[k][1]+=1; hit[k][0]+=m
        for k in [e['split'],'all']: allh[k][1]+=1; allh[k][0]+=m
    if e['split']=='hardneg': n+=1; fp+=len(s)
    for a,b,*_ in s:
        found+=1; ok+=any(i in gold for i in range(a,b))
types=sorted({t for _,t in hit},key=lambda t:-hit[('all',t)][1])
splits=[k for k in ('clean','messy','evade','all') if k in allh]
print('%-10s'%'type',*['%14s'%k for k in splits])
for t in types: print('%-10s'%t,*['%6.3f of %4d'%(hit[(k,t)][0]/max(1,hit[(k,t)][1]),hit[(k,t)][1]) for k in splits])
print('%-10s'%'ALL',*['%6.3f of %4d'%(allh[k][0]/max(1,allh[k][1]),allh[k][1]) for k in splits])
print('precision (touches gold) %.3f of %d; false per 1000 hard negatives %.0f'%(ok/max(1,found),found,1000*fp/max(1,n)))
